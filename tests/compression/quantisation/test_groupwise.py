import pytest
import torch
from torch import nn

from mamebert.compression.quantisation.groupwise import Groupwise, require_groups
from mamebert.errors import UserError


def weights_of_uneven_rows():
    torch.manual_seed(0)
    return torch.randn(64, 48) * torch.logspace(-2, 0, 64)[:, None]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_smaller_groups_never_round_worse(bits):
    weight = weights_of_uneven_rows()
    steps = [Groupwise(bits, groups).grid(weight).steps.max() for groups in (1, 8, 64)]
    errors = [(Groupwise(bits, groups)(weight) - weight).square().mean() for groups in (1, 8, 64)]

    assert steps[0] >= steps[1] >= steps[2]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_no_weight_is_further_than_half_a_step_from_its_value(bits):
    weight, rounding = weights_of_uneven_rows(), Groupwise(bits, 16)
    away = (rounding(weight) - weight).abs().reshape(16, -1)

    assert (away <= rounding.grid(weight).steps * 0.5001).all()


def test_a_group_has_no_more_values_than_its_bits_can_say():
    rounded = Groupwise(2, 8)(weights_of_uneven_rows()).reshape(8, -1)
    assert all(len(group.unique()) == 4 for group in rounded)


def test_rounding_twice_is_rounding_once():
    once = Groupwise(3, 8)(weights_of_uneven_rows())
    torch.testing.assert_close(Groupwise(3, 8)(once), once)


def test_a_row_of_one_value_keeps_it():
    table = torch.tensor([[0.0, 0.0], [3.5, 3.5]])
    assert torch.equal(Groupwise(4)(table), table)


def test_gradients_pass_as_if_nothing_were_rounded():
    weight = weights_of_uneven_rows().requires_grad_()
    upstream = torch.randn(64, 48)
    Groupwise(2, 8)(weight).backward(upstream)
    assert torch.equal(weight.grad, upstream)


def test_groups_that_do_not_divide_are_refused_with_the_nearest_that_do():
    with pytest.raises(UserError, match=r"has 312 rows, which cannot be cut into 128 groups.*groups=104"):
        require_groups(nn.ModuleDict({"a": nn.Linear(4, 312), "b": nn.Linear(4, 1248)}), 128)
