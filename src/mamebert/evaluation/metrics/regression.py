"""Measures of answers that are numbers: one or several for each row, and places on Earth."""

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.metrics.bootstrap import Counts, Measure, divide, mean_of

Numbers = npt.NDArray[np.float64]

EARTH_KM = 6371.0088
"""Mean radius of the Earth (IUGG)."""
SAME = 1e-12
"""A variance of less than this share of the square mean is rounding: the numbers are all the same."""


def pearson(expected: npt.ArrayLike, predicted: npt.ArrayLike) -> Measure:
    """Return Pearson's correlation, -1 to 1, of numbers [rows] or [rows, outputs]: then the mean over outputs.

    0 where one side is the same number throughout.
    """
    return _correlation("pearson", *_columns(expected, predicted))


def spearman(expected: npt.ArrayLike, predicted: npt.ArrayLike) -> Measure:
    """Return Spearman's rank correlation, with mean ranks for ties: Pearson's of the ranks over all rows.

    A bootstrap draws rows with these ranks and does not rank each drawn sample anew. Up to the ties that drawing
    makes, and to terms that vanish with the number of rows, that is the same.
    """
    from scipy.stats import rankdata

    wanted, given = _columns(expected, predicted)
    return _correlation("spearman", rankdata(wanted, axis=0), rankdata(given, axis=0))


def mse(expected: npt.ArrayLike, predicted: npt.ArrayLike) -> Measure:
    """Return the mean squared error, over rows and outputs."""
    wanted, given = _columns(expected, predicted)
    return mean_of("mse", ((wanted - given) ** 2).mean(axis=1))


def great_circle_km(expected: npt.ArrayLike, predicted: npt.ArrayLike) -> Numbers:
    """Return the kilometres [rows] between places (latitude, longitude) in degrees, [rows, 2], on a sphere."""
    wanted, given = (np.radians(each) for each in _columns(expected, predicted))
    haversine = np.sin((given - wanted) / 2) ** 2  # of both differences
    share = haversine[:, 0] + np.cos(wanted[:, 0]) * np.cos(given[:, 0]) * haversine[:, 1]
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(share, 0, 1))))


def median_km(expected: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the median distance of places (latitude, longitude) in degrees, [rows, 2], in kilometres."""
    return float(np.median(great_circle_km(expected, predicted)))


def mean_km(expected: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return the mean distance of places (latitude, longitude) in degrees, [rows, 2], in kilometres."""
    return float(great_circle_km(expected, predicted).mean())


def _columns(expected: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Numbers, Numbers]:
    wanted, given = np.asarray(expected, float), np.asarray(predicted, float)
    if wanted.shape != given.shape:
        raise ValueError("Every row needs as many expected as predicted numbers.")
    return wanted.reshape(len(wanted), -1), given.reshape(len(given), -1)


def _correlation(name: str, wanted: Numbers, given: Numbers) -> Measure:
    # Neither place nor unit matters to a correlation; without them the sums of squares lose no digits.
    x, y = (_standard(each) for each in (wanted, given))
    counts = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)  # rows, outputs, 6
    return Measure(name, counts.reshape(len(counts), -1), _mean_correlation)


def _standard(numbers: Numbers) -> Numbers:
    middle = numbers - numbers.mean(axis=0)
    return divide(middle, np.broadcast_to(np.abs(middle).max(axis=0), middle.shape))


def _mean_correlation(sums: Counts) -> Counts:
    n, x, y, xx, yy, xy = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 6), -1, 0)
    spread_x, spread_y = (_spread(n, each, squares) for each, squares in ((x, xx), (y, yy)))
    return np.asarray(divide(n * xy - x * y, np.sqrt(spread_x * spread_y)).mean(axis=-1))


def _spread(n: Counts, sums: Counts, squares: Counts) -> Counts:
    """Return n² times the variance; exactly 0 where all numbers of the sample are the same."""
    spread = n * squares - sums**2
    return np.where(spread > SAME * n * squares, spread, 0)
