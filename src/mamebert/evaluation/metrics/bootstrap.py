"""Metrics as sums over test rows, so that any can be resampled: the paired bootstrap is a matrix product.

Every measure here (accuracy, F1, a correlation, ...) is a function of sums over the test rows. A sample of rows drawn
with replacement is a number of times for each row; times the rows' counts, that gives the sums of the sample.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

BLOCK = 1 << 22
"""Numbers held at once while drawing: 32 MiB of each kind."""
EQUAL = 1e-9
"""Differences that only rounding tells apart; every measure here has about the size of 1."""


class Interval(NamedTuple):
    """The range that holds the true value in about 95 of 100 repetitions, unless another confidence was asked."""

    low: float
    high: float


class Comparison(NamedTuple):
    """Two models on the same test rows."""

    difference: float
    """The second's measure minus the first's."""
    interval: Interval
    """95 % interval of the difference."""
    p_value: float
    """Two-sided: how often chance alone would give a difference as large."""


@dataclass(frozen=True)
class Measure:
    """One number about the answers to the test rows, and what each row adds to it."""

    name: str
    """As in reports: "accuracy", "macro_f1", "entity_f1", ..."""
    counts: Any
    """[rows, k]: what each test row adds, as `Counts` or, where most of it is 0, a sparse array of scipy."""
    value: Callable[[Counts], Counts]
    """From sums [..., k] to the measure [...], for all leading axes at once."""

    @property
    def score(self) -> float:
        """The measure over all rows."""
        return float(self.value(np.asarray(self.counts.sum(axis=0))))


def compare_measures(first: Measure, second: Measure, draws: int = 10_000, seed: int = 0) -> Comparison:
    """Compare two models by drawing test rows again with replacement (Efron, 1979; Koehn, 2004).

    Both must measure the same thing on the same rows in the same order, else a ValueError. The difference is second
    minus first. Its interval lies between the quantiles of the drawn differences; for the p-value the same spread is
    laid around 0 (the null hypothesis), and the observed sample counts as one draw.
    """
    if first.name != second.name or first.counts.shape[0] != second.counts.shape[0] or not first.counts.shape[0]:
        raise ValueError("Both models must have answered the same rows, judged by the same measure.")
    difference = second.score - first.score
    drawn = np.concatenate([second.value(b) - first.value(a) for a, b in _sums(first, second, draws, seed)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    as_large = np.abs(drawn - difference) >= abs(difference) - EQUAL
    p_value = (1 + int(as_large.sum())) / (1 + draws)
    return Comparison(difference=difference, interval=Interval(float(low), float(high)), p_value=p_value)


def _sums(first: Measure, second: Measure, draws: int, seed: int) -> Iterator[tuple[Counts, Counts]]:
    """Yield both models' summed counts [some draws, k] of drawn samples, until there are `draws`."""
    kinds, sizes = _kinds(first.counts, second.counts)
    middle = first.counts.shape[1]
    first_kinds, second_kinds = kinds[:, :middle], kinds[:, middle:]
    rng, at_once = np.random.default_rng(seed), max(1, BLOCK // max(*kinds.shape, 1))
    for done in range(0, draws, at_once):
        times = _times(rng, sizes, min(at_once, draws - done)).astype(np.float64)
        yield times @ first_kinds, times @ second_kinds


def _kinds(first: Any, second: Any) -> tuple[Any, npt.NDArray[np.int64]]:
    """Return the different rows of both counts side by side, sorted, and how many there are of each.

    Rows that add the same are drawn together: of thousands of rows often a few dozen kinds are left.
    """
    if isinstance(first, np.ndarray):
        return np.unique(np.hstack([first, second]), axis=0, return_counts=True)
    from scipy.sparse import hstack

    both = hstack([first, second], format="csr")
    bounds, columns, numbers = both.indptr.tolist(), both.indices.tolist(), both.data.tolist()
    met: dict[tuple[tuple[int, float], ...], list[int]] = {}
    for row, (start, end) in enumerate(pairwise(bounds)):
        # Sorted by these keys, rows stand in the order of np.unique: counts are not negative.
        key = tuple((-column, number) for column, number in zip(columns[start:end], numbers[start:end], strict=True))
        met.setdefault(key, []).append(row)
    rows = [met[key] for key in sorted(met)]
    return both[[each[0] for each in rows]], np.array([len(each) for each in rows], np.int64)


def _times(rng: np.random.Generator, sizes: npt.NDArray[np.int64], draws: int) -> npt.NDArray[np.int64]:
    """Return how often each kind of row is in each sample, [draws, kinds]."""
    num_rows, num_kinds = int(sizes.sum()), len(sizes)
    if num_kinds < num_rows / CHEAPER:
        return rng.multinomial(num_rows, sizes / num_rows, size=draws)
    kind_of = np.repeat(np.arange(num_kinds), sizes)
    chosen = kind_of[rng.integers(num_rows, size=(draws, num_rows), dtype=np.int32)]
    chosen += np.arange(draws)[:, None] * num_kinds
    return np.bincount(chosen.ravel(), minlength=draws * num_kinds).reshape(draws, num_kinds)


CHEAPER = 10
"""Drawing one row takes about a tenth of the time of drawing the number of rows of one kind."""


def sparse_counts(places: Iterable[tuple[int, int]], num_rows: int, num_columns: int) -> Any:
    """Return counts that are 1 at some places (row, column) and else 0: what thousands of classes need is little."""
    from scipy.sparse import csr_array

    rows, columns = np.array(list(places), np.int64).reshape(-1, 2).T
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(num_rows, num_columns))


def ratio(name: str, parts: npt.ArrayLike, wholes: npt.ArrayLike) -> Measure:
    """Return the measure Σ parts / Σ wholes, 0 where nothing was asked; both are [rows]."""
    return Measure(name, np.stack([np.asarray(parts, float), np.asarray(wholes, float)], axis=1), _ratio)


def mean_of(name: str, values: npt.ArrayLike) -> Measure:
    """Return the mean of one number a row, [rows]."""
    numbers = np.asarray(values, float)
    return ratio(name, numbers, np.ones(len(numbers)))


def found_among(
    name: str, expected: Sequence[Collection[Hashable]], predicted: Sequence[Collection[Hashable]]
) -> Measure:
    """Return the F1 over all rows together of things found (labels, entities, ...), 0 where there are none.

    Each row has the set of things expected and the set of things predicted; a thing is right when it is in both.
    """
    return Measure(name, set_counts(expected, predicted), f1)


def set_counts(expected: Sequence[Collection[Hashable]], predicted: Sequence[Collection[Hashable]]) -> Counts:
    """Return for each row how many things are right, predicted and expected, [rows, 3]."""
    pairs = [(set(wanted), set(given)) for wanted, given in zip(expected, predicted, strict=True)]
    counts = [(len(wanted & given), len(given), len(wanted)) for wanted, given in pairs]
    return np.array(counts, dtype=float).reshape(-1, 3)


def f1(sums: Counts) -> Counts:
    """Return 2 right / (predicted + expected), 0 where neither is, from sums [..., 3] of the three."""
    return divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def f1_places(row: int, wanted: Collection[int], given: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield the places in the counts of `mean_f1` that are 1 for a row with these classes."""
    for shift, classes in enumerate((set(wanted).intersection(given), set(given), set(wanted))):
        yield from ((row, 3 * each + shift) for each in classes)


def mean_f1(sums: Counts) -> Counts:
    """Return the mean F1 over classes, from sums [..., 3 x classes]; a class that is nowhere counts nothing."""
    each = sums.reshape(*sums.shape[:-1], -1, 3)
    present = each[..., 1] + each[..., 2] > 0
    return divide(f1(each).sum(axis=-1), present.sum(axis=-1))


def divide(parts: Counts, wholes: npt.NDArray[np.number]) -> Counts:
    """Return parts / wholes, 0 where the whole is 0."""
    return np.asarray(np.divide(parts, wholes, out=np.zeros(np.shape(parts)), where=np.asarray(wholes) != 0))


def _ratio(sums: Counts) -> Counts:
    return divide(sums[..., 0], sums[..., 1])
