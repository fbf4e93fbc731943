from contextlib import nullcontext

import pytest
import torch
from torch.nn.functional import cross_entropy, linear
from torch.testing import assert_close

from mamebert.kernels import torch_only
from mamebert.kernels.cross_entropy import ROWS, cross_entropy_or_copy, vocabulary_cross_entropy

PATHS = pytest.mark.parametrize("path", [nullcontext, torch_only])


@PATHS
@pytest.mark.parametrize("num_rows", [1, ROWS["cpu"], 2 * ROWS["cpu"] + 3])
def test_loss_and_gradients_are_those_of_torch(num_rows, path):
    torch.manual_seed(0)
    # 50 entries fill no vector, and 16 columns are what the native path asks for
    values = [torch.randn(num_rows, 16), torch.randn(50, 16), torch.randn(50)]
    targets = torch.randint(0, 50, (num_rows,))
    ours = [v.clone().requires_grad_() for v in values]
    theirs = [v.clone().requires_grad_() for v in values]
    with path():
        loss = vocabulary_cross_entropy(*ours, targets)
    expected = cross_entropy(linear(*theirs), targets)
    assert_close(loss, expected)
    (3 * loss).backward()  # an upstream gradient other than 1
    (3 * expected).backward()
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad, atol=2e-6, rtol=1e-4)


@PATHS
def test_parts_over_the_divisor_of_the_whole_add_up(path):
    torch.manual_seed(0)
    hidden, table, bias = torch.randn(30, 16), torch.randn(40, 16), torch.randn(40)
    targets = torch.randint(0, 40, (30,))
    with path():
        parts = [vocabulary_cross_entropy(hidden[p], table, bias, targets[p], 30) for p in (slice(0, 7), slice(7, 30))]
        assert_close(sum(parts), vocabulary_cross_entropy(hidden, table, bias, targets))


@PATHS
def test_a_frozen_table_gets_no_gradient(path):
    hidden, bias = torch.randn(4, 16, requires_grad=True), torch.zeros(50, requires_grad=True)
    table = torch.randn(50, 16)
    with path():
        vocabulary_cross_entropy(hidden, table, bias, torch.tensor([1, 2, 3, 4])).backward()
    assert table.grad is None
    assert hidden.grad is not None


@PATHS
def test_large_logits_stay_finite(path):
    hidden = torch.full((2, 16), 100.0, requires_grad=True)
    table = torch.randn(10, 16)
    with path():
        loss = vocabulary_cross_entropy(hidden, 100 * table, torch.zeros(10), torch.tensor([0, 1]))
    loss.backward()
    assert loss.isfinite()
    assert hidden.grad.isfinite().all()


@PATHS
def test_a_value_that_is_no_number_is_not_hidden(path):
    hidden = torch.zeros(2, 16)
    hidden[0, 0] = float("nan")
    with path():
        assert vocabulary_cross_entropy(hidden, torch.ones(10, 16), torch.zeros(10), torch.tensor([0, 1])).isnan()


def mixed(hidden, table, bias, copies, targets, shown):
    """The sum of -log(D [target is shown] + (1 - D) softmax), as it is written down."""
    found = linear(hidden, table, bias).softmax(-1).gather(1, targets[:, None]).squeeze(1)
    copied = copies.sigmoid()
    return -(copied * (targets == shown) + (1 - copied) * found).log().sum()


@PATHS
def test_a_token_may_be_copied(path):
    torch.manual_seed(0)
    rows = ROWS["cpu"] + 5
    values = [torch.randn(rows, 16), torch.randn(50, 16), torch.randn(50), 2 * torch.randn(rows)]
    targets, shown = torch.randint(0, 50, (rows,)), torch.randint(0, 50, (rows,))
    shown[: rows // 2] = targets[: rows // 2]
    ours, theirs = ([v.clone().requires_grad_() for v in values] for _ in range(2))
    with path():
        loss = cross_entropy_or_copy(*ours[:3], targets, ours[3], shown, 10)
    expected = mixed(*theirs, targets, shown) / 10
    assert_close(loss, expected)
    (3 * loss).backward()
    (3 * expected).backward()
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-3)


@PATHS
def test_what_is_surely_copied_or_surely_not_stays_finite(path):
    hidden, copies = torch.zeros(4, 16, requires_grad=True), torch.tensor([200.0, 200, -200, -200], requires_grad=True)
    targets, shown = torch.tensor([1, 1, 1, 1]), torch.tensor([1, 2, 1, 2])
    with path():
        loss = cross_entropy_or_copy(hidden, torch.ones(50, 16), torch.zeros(50), targets, copies, shown, 1)
    loss.backward()
    assert loss.item() == pytest.approx(200 + 3 * torch.tensor(50.0).log().item())
    assert copies.grad.tolist() == pytest.approx([0, 1, 0, 0], abs=1e-6)
    assert hidden.grad.isfinite().all()


@PATHS
@pytest.mark.parametrize("num_rows", [3, ROWS["cpu"] + 5])
def test_a_z_loss_is_that_of_its_formula(num_rows, path):
    torch.manual_seed(0)
    values = [torch.randn(num_rows, 16), torch.randn(50, 16), torch.randn(50)]
    targets = torch.randint(0, 50, (num_rows,))
    ours = [v.clone().requires_grad_() for v in values]
    theirs = [v.clone().requires_grad_() for v in values]
    with path():
        loss = vocabulary_cross_entropy(*ours, targets, z_loss=0.01)
    logits = linear(*theirs)
    expected = cross_entropy(logits, targets) + 0.01 * logits.logsumexp(-1).square().mean()
    assert_close(loss, expected)
    loss.backward()
    expected.backward()
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a.grad, b.grad, atol=2e-6, rtol=1e-4)
