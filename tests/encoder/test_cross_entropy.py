import pytest
import torch
from torch.nn.functional import cross_entropy, linear
from torch.testing import assert_close

from mamebert.encoder.cross_entropy import ROWS, vocabulary_cross_entropy


@pytest.mark.parametrize("num_rows", [1, ROWS, 2 * ROWS + 3])
def test_loss_and_gradients_are_those_of_torch(num_rows):
    torch.manual_seed(0)
    values = [torch.randn(num_rows, 8), torch.randn(50, 8), torch.randn(50)]
    targets = torch.randint(0, 50, (num_rows,))
    ours = [v.clone().requires_grad_() for v in values]
    theirs = [v.clone().requires_grad_() for v in values]
    loss = vocabulary_cross_entropy(*ours, targets)
    expected = cross_entropy(linear(*theirs), targets)
    assert_close(loss, expected)
    (3 * loss).backward()  # an upstream gradient other than 1
    (3 * expected).backward()
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad, atol=1e-6, rtol=1e-4)


def test_a_frozen_table_gets_no_gradient():
    hidden, table, bias = torch.randn(4, 8, requires_grad=True), torch.randn(50, 8), torch.zeros(50, requires_grad=True)
    vocabulary_cross_entropy(hidden, table, bias, torch.tensor([1, 2, 3, 4])).backward()
    assert table.grad is None
    assert hidden.grad is not None


def test_large_logits_stay_finite():
    hidden = torch.full((2, 4), 100.0, requires_grad=True)
    table = torch.randn(10, 4)
    loss = vocabulary_cross_entropy(hidden, 100 * table, torch.zeros(10), torch.tensor([0, 1]))
    loss.backward()
    assert loss.isfinite()
    assert hidden.grad.isfinite().all()
