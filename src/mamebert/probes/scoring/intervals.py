"""Intervals of 95 % around shares, correlations and slopes."""

from math import atanh, sqrt, tanh
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SURE = 1.96
"""Standard errors to each side."""

SHARE = [0.0, 1.0]
"""Bounds of a share."""

CORRELATION = [-1.0, 1.0]
"""Bounds of a correlation, or a cosine."""


class Line(NamedTuple):
    """A straight line through points."""

    slope: float
    plus_minus: float
    """Half of the interval of the slope."""
    pearson: float
    pearson_plus_minus: float


def share_plus_minus(share: float, number: int) -> float:
    """Return half of the interval of a share of so many (Wilson, 1927): that of 5 in 5 is not nothing."""
    return SURE * sqrt(share * (1 - share) / number + SURE**2 / (4 * number**2)) / (1 + SURE**2 / number)


def correlation_plus_minus(correlation: float, number: int) -> float:
    """Return half of the interval of a correlation over so many pairs, by Fisher's transformation."""
    if number < 4:
        return 1.0
    middle, wide = atanh(max(-0.999999, min(0.999999, correlation))), SURE / sqrt(number - 3)
    return round((tanh(middle + wide) - tanh(middle - wide)) / 2, 6)


def line_through(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Line:
    """Return the least-squares line of y over x, three points or more of different x."""
    across, up = x - x.mean(), y - y.mean()
    slope = float(across @ up / (across @ across))
    left = float(((up - slope * across) ** 2).sum())
    error = sqrt(left / max(1, len(x) - 2) / float(across @ across))
    size = sqrt(float(across @ across) * float(up @ up))
    pearson = float(across @ up) / size if size else 0.0
    return Line(slope, SURE * error, pearson, correlation_plus_minus(pearson, len(x)))
