"""Levels of modules under a limit of time."""

from itertools import product

import numpy as np
import pytest

from mamebert.compression.pruning.level_search import Levels, choose_levels, search_levels


def problem(seed: int, num_modules: int = 3) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return costs that rise and times that fall to 0 from level to level, in whole hundredths of a second."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 7, num_modules)
    costs = [np.sort(rng.random(size)) for size in sizes]
    times = [np.append(np.sort(rng.integers(1, 100, size - 1))[::-1], 0) / 100 for size in sizes]
    return costs, times


@pytest.mark.parametrize("seed", range(10))
def test_the_solution_is_that_of_brute_force(seed: int):
    costs, times = problem(seed)
    budget = 1.0  # every hundredth is a hundred buckets
    every = list(product(*(range(len(cost)) for cost in costs)))
    within = [levels for levels in every if round(sum(t[n] for t, n in zip(times, levels, strict=True)), 6) <= budget]
    found = choose_levels(costs, times, budget)
    assert found is not None
    least = min(sum(c[n] for c, n in zip(costs, levels, strict=True)) for levels in within)
    assert sum(c[n] for c, n in zip(costs, found, strict=True)) == pytest.approx(least)
    assert found in within


def test_times_that_are_no_whole_buckets_never_exceed_the_budget():
    rng = np.random.default_rng(0)
    for _ in range(20):
        times = [np.sort(rng.random(6))[::-1] for _ in range(4)]
        found = choose_levels([np.arange(6.0)] * 4, times, 1.7, buckets=50)
        if found is not None:
            assert sum(t[n] for t, n in zip(times, found, strict=True)) <= 1.7


def test_a_budget_that_nothing_meets_has_no_solution():
    costs, times = [np.zeros(2)] * 2, [np.array([2.0, 1.0])] * 2
    assert choose_levels(costs, times, 1.9) is None
    assert choose_levels(costs, times, 0.0) is None
    assert choose_levels(costs, times, 2.0) == (1, 1)
    assert search_levels(costs, times, 1.9, lambda levels: 0.0, seed=0) is None


def test_the_search_ends_no_worse_than_the_errors_alone():
    costs, times = problem(seed=1, num_modules=5)
    weights = np.array([0.05, 5.0, 1.0, 0.2, 9.0])  # which only the judge knows

    def judge(levels: Levels) -> float:
        return float(sum(w * c[n] for w, c, n in zip(weights, costs, levels, strict=True)))

    plain = choose_levels(costs, times, 1.0)
    found = search_levels(costs, times, 1.0, judge, seed=0, num_starts=10, num_steps=40)
    assert plain is not None
    assert found is not None
    assert found.loss == judge(found.levels) < judge(plain)
    assert sum(t[n] for t, n in zip(times, found.levels, strict=True)) <= 1.0 + 1e-9


def test_a_search_is_the_same_for_the_same_seed_and_passes_over_losses_that_are_no_number():
    costs, times = problem(seed=2, num_modules=4)

    def judge(levels: Levels) -> float:
        return float("nan") if sum(levels) % 2 else float(sum(levels))

    first, second = (search_levels(costs, times, 1.0, judge, seed=3, num_steps=30) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.levels == second.levels
    assert np.isfinite(first.loss)
