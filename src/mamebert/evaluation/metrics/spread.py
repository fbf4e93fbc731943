"""A number over several seeds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """Mean and sample standard deviation of one number over several seeds."""

    mean: float
    deviation: float
    """With n - 1 in the denominator; 0 for a single value."""
    n: int


def mean_and_spread(values: Sequence[float]) -> Spread:
    """Return mean, sample standard deviation and number of `values`."""
    numbers = np.asarray(values, dtype=np.float64)
    deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    return Spread(mean=float(numbers.mean()), deviation=deviation, n=len(numbers))
