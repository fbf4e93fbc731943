"""Weights on a grid of few bits."""

import pytest
import torch

from mamebert.compression.quantisation.rounding import PerTensor, fake_quantise, largest_integer, step_for, to_integers


def test_eight_bits_go_from_minus_127_to_127():
    assert largest_integer(8) == 127
    values = torch.tensor([-3.0, -1.0, 0.0, 0.5, 1.0, 9.0])
    assert to_integers(values, step_for(torch.tensor(1.0), 8), 8).tolist() == [-127, -127, 0, 64, 127, 127]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounding_twice_is_rounding_once(bits):
    weight = torch.randn(30, 40)
    once = PerTensor(bits)(weight)
    torch.testing.assert_close(PerTensor(bits)(once), once, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_no_number_in_the_range_moves_more_than_half_a_step(bits):
    values, limit = torch.rand(1000) * 4 - 2, torch.tensor(2.0)
    moved = (fake_quantise(values, limit, bits) - values).abs()
    assert float(moved.max()) <= float(step_for(limit, bits)) / 2 * (1 + 1e-5)


def test_thirty_two_bits_change_nothing():
    weight = torch.randn(30, 40)
    torch.testing.assert_close(PerTensor(32)(weight), weight, rtol=1e-6, atol=1e-7)


def test_all_zeros_stay_zeros():
    assert not PerTensor(8)(torch.zeros(4, 4)).any()


def test_gradients_pass_as_if_nothing_were_rounded():
    values = torch.tensor([-5.0, 0.3, 0.9], requires_grad=True)
    (fake_quantise(values, torch.tensor(1.0), 4) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert values.grad.tolist() == [1, 2, 3]
