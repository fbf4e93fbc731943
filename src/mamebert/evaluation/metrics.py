"""How many answers are right, and a number over several seeds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Spread(NamedTuple):
    """Mean and sample standard deviation of one number over several seeds."""

    mean: float
    deviation: float
    """With n - 1 in the denominator; 0 for a single value."""
    n: int


def accuracy(expected: Sequence[Any], predicted: Sequence[Any]) -> float:
    """Return the share of rows answered rightly."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(expected, predicted))


def macro_f1(expected: Sequence[Any], predicted: Sequence[Any]) -> float:
    """Return the mean over classes of F1; a class never answered and never expected counts nothing, else 0 to 1."""
    from sklearn.metrics import f1_score

    return float(f1_score(expected, predicted, average="macro", zero_division=0))


def mean_and_spread(values: Sequence[float]) -> Spread:
    """Return mean, sample standard deviation and number of `values`."""
    numbers = np.asarray(values, dtype=np.float64)
    deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    return Spread(mean=float(numbers.mean()), deviation=deviation, n=len(numbers))
