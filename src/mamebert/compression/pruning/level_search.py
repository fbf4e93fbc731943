"""One level for each module, so that all together meet a time and lose least (SPDY; Frantar and Alistarh, 2022)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BUCKETS = 10_000
MUTATION_RATE = 0.1
# Times are rounded up to whole buckets, so that no solution takes longer than allowed; so much is rounding error.
SLACK = 1e-6

Costs = Sequence[npt.NDArray[np.float64]]
"""One array [levels] for each module."""
Levels = tuple[int, ...]
"""The level chosen for each module."""


def choose_levels(costs: Costs, times: Costs, budget: float, buckets: int = BUCKETS) -> Levels | None:
    """Return the levels of least summed cost whose times sum up to at most `budget`; None where none do.

    Dynamic programming over `buckets` equal parts of the budget; times are rounded up to them.
    """
    if budget <= 0:
        return None
    taken = [np.ceil(each / (budget / buckets) - SLACK).astype(np.int64).clip(0) for each in times]
    least = np.zeros(buckets + 1)
    """What the modules so far cost at least, for every time they may take together."""
    chosen = []
    for cost, time in zip(costs, taken, strict=True):
        options = np.full((len(cost), buckets + 1), np.inf)
        for option, c, t in zip(options, cost, time, strict=True):
            if t <= buckets:
                option[t:] = least[: buckets + 1 - t] + c
        chosen.append(options.argmin(0))
        least = options.min(0)
    return _followed_back(chosen, taken, buckets) if np.isfinite(least[-1]) else None


def _followed_back(
    chosen: Sequence[npt.NDArray[np.int64]], taken: Sequence[npt.NDArray[np.int64]], left: int
) -> Levels:
    levels = []
    for best, time in zip(reversed(chosen), reversed(taken), strict=True):
        levels.append(int(best[left]))
        left -= int(time[levels[-1]])
    return tuple(reversed(levels))


class Found(NamedTuple):
    """What a search ended with."""

    levels: Levels
    coefficients: npt.NDArray[np.float64]
    """[modules]: how much the error of each module counts."""
    loss: float


def search_levels(
    priors: Costs,
    times: Costs,
    budget: float,
    judge: Callable[[Levels], float],
    seed: int,
    num_starts: int = 10,
    num_steps: int = 10,
) -> Found | None:
    """Return the levels that `judge` finds best among those the knapsack gives for many sets of coefficients.

    The coefficients are all 1 at first, then `num_starts` times random in [0, 1), then the best so far with one in
    ten drawn anew, `num_steps` times. None where nothing meets the budget. What `judge` returns is a loss.
    """
    rng = np.random.default_rng(seed)
    losses: dict[Levels, float] = {}

    def tried(coefficients: npt.NDArray[np.float64]) -> Found | None:
        costs = [factor * prior for factor, prior in zip(coefficients, priors, strict=True)]
        levels = choose_levels(costs, times, budget)
        if levels is None:
            return None
        if levels not in losses:
            losses[levels] = float(np.nan_to_num(judge(levels), nan=np.inf))
        return Found(levels, coefficients, losses[levels])

    best = tried(np.ones(len(priors)))
    for number in range(num_starts + num_steps if best else 0):
        assert best is not None
        drawn = rng.random(len(priors))
        stays = rng.random(len(priors)) >= MUTATION_RATE
        other = tried(np.where(stays, best.coefficients, drawn) if number >= num_starts else drawn)
        if other is not None and other.loss < best.loss:
            best = other
    return best
