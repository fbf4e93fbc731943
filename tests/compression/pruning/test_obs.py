"""Optimal Brain Surgeon for whole columns and blocks of columns."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mamebert.compression.pruning.obs import Hessian, Snapshot, remove_structures, spread


def correlated(tokens: int = 400, size: int = 12, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return a matrix [7, size] and inputs [tokens, size], float64, whose columns tell much about each other."""
    rng = torch.Generator().manual_seed(seed)
    factors = torch.randn(tokens, 5, generator=rng, dtype=torch.float64)
    inputs = factors @ torch.randn(5, size, generator=rng, dtype=torch.float64)
    inputs = inputs + 0.3 * torch.randn(tokens, size, generator=rng, dtype=torch.float64)
    return torch.randn(7, size, generator=rng, dtype=torch.float64), inputs


def hessian_of(inputs: Tensor) -> Tensor:
    hessian = Hessian(inputs.shape[1])
    for part in inputs.split(150):
        hessian.add(part)
    return hessian.mean


def columns(snapshot: Snapshot, size: int) -> Tensor:
    return (snapshot.kept[:, None] * size + torch.arange(size)).flatten()


def refit(weight: Tensor, inputs: Tensor, kept: Tensor) -> Tensor:
    """Return the weights on the `kept` columns that come nearest to what the whole matrix gives."""
    return torch.linalg.lstsq(inputs[:, kept], inputs @ weight.T).solution.T


def squared(gap: Tensor) -> float:
    return float(gap.square().sum())


def test_a_hessian_does_not_depend_on_how_the_inputs_are_cut():
    _, inputs = correlated()
    assert_close(hessian_of(inputs), 2 / len(inputs) * inputs.T @ inputs)
    assert hessian_of(inputs.float()).dtype == torch.float64


@pytest.mark.parametrize("size", [1, 3])
def test_what_stays_is_the_least_squares_refit(size: int):
    weight, inputs = correlated()
    count = 12 // size
    for snapshot in remove_structures(weight, hessian_of(inputs), size, range(count, 0, -1)):
        kept = columns(snapshot, size)
        assert_close(snapshot.weight, refit(weight, inputs, kept), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("size", [1, 3])
def test_the_error_is_what_the_outputs_differ_by_and_beats_zeroing(size: int):
    weight, inputs = correlated()
    for snapshot in remove_structures(weight, hessian_of(inputs), size, [9 // size, 3 // size]):
        kept, whole = columns(snapshot, size), inputs @ weight.T
        gap = squared(whole - inputs @ spread(snapshot, size, 12).T) / squared(whole)
        zeroed = squared(whole - inputs[:, kept] @ weight[:, kept].T) / squared(whole)
        assert snapshot.error == pytest.approx(gap, rel=1e-6)
        assert snapshot.error < zeroed


def by_magnitude(weight: Tensor, inputs: Tensor, size: int, number: int) -> float:
    """Return the error of the refit on the structures with the largest weights."""
    large = weight.unflatten(1, (-1, size)).square().sum((0, 2)).topk(number).indices
    kept = columns(Snapshot(large, weight, 0.0), size)
    whole = inputs @ weight.T
    return squared(whole - inputs[:, kept] @ refit(weight, inputs, kept).T) / squared(whole)


@pytest.mark.parametrize("size", [1, 3])
def test_choosing_one_by_one_beats_choosing_by_magnitude(size: int):
    ours, theirs = 0.0, 0.0  # over several draws: one step at a time is no guarantee for each of them
    for seed in range(8):
        weight, inputs = correlated(seed=seed)
        (snapshot,) = remove_structures(weight, hessian_of(inputs), size, [6 // size])
        ours, theirs = ours + snapshot.error, theirs + by_magnitude(weight, inputs, size, 6 // size)
    assert ours < 0.9 * theirs


def test_of_columns_that_say_the_same_one_stays_however_large_they_are():
    weight, inputs = correlated()
    inputs[:, [2, 7, 10]] = inputs[:, [2]] + 1e-3 * inputs[:, [2, 7, 10]]
    weight[:, [2, 7, 10]] *= 10
    (snapshot,) = remove_structures(weight, hessian_of(inputs), 1, [10])
    assert len({2, 7, 10} & set(snapshot.kept.tolist())) == 1
    assert snapshot.error < 0.01 * by_magnitude(weight, inputs, 1, 10)


def test_removing_nothing_is_identity_and_removing_all_loses_all():
    weight, inputs = correlated()
    whole, part, empty = remove_structures(weight, hessian_of(inputs), 3, [4, 2, 0])
    assert_close(whole.weight, weight, rtol=0, atol=0)
    assert whole.error == 0
    assert 0 < part.error < 1
    assert empty.error == pytest.approx(1)
    assert empty.weight.shape == (7, 0)
    assert not spread(empty, 3, 12).any()


def test_levels_on_the_way_change_nothing():
    weight, inputs = correlated()
    hessian = hessian_of(inputs)
    *_, stepwise = remove_structures(weight, hessian, 1, range(12, 3, -1))
    (at_once,) = remove_structures(weight, hessian, 1, [4])
    assert stepwise.kept.tolist() == at_once.kept.tolist()
    assert_close(stepwise.weight, at_once.weight)


def test_the_order_of_the_columns_does_not_matter():
    weight, inputs = correlated()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    (plain,) = remove_structures(weight, hessian_of(inputs), 1, [5])
    (mixed,) = remove_structures(weight[:, order], hessian_of(inputs[:, order]), 1, [5])
    back = torch.zeros_like(weight)
    back[:, order] = spread(mixed, 1, 12)
    assert_close(back, spread(plain, 1, 12))


def test_an_input_that_never_comes_goes_first_and_costs_nothing():
    weight, inputs = correlated()
    inputs[:, 4] = 0
    (snapshot,) = remove_structures(weight, hessian_of(inputs), 1, [11])
    assert 4 not in snapshot.kept.tolist()
    assert snapshot.error == pytest.approx(0, abs=1e-12)


def test_fewer_tokens_than_columns_are_damped():
    weight, inputs = correlated(tokens=6)
    (snapshot,) = remove_structures(weight, hessian_of(inputs), 1, [8])
    assert snapshot.weight.isfinite().all()
    assert snapshot.error < 0.1
