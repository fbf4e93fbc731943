"""Numbers about answers: how many are right, in which class, how sure that is, and which of two models is better."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Spread(NamedTuple):
    """Mean and sample standard deviation of one number over several seeds."""

    mean: float
    deviation: float
    """With n - 1 in the denominator; 0 for a single value."""
    n: int


class Interval(NamedTuple):
    """The range that holds the true value in about 95 of 100 repetitions, unless another confidence was asked."""

    low: float
    high: float


class Comparison(NamedTuple):
    """Two models on the same test rows."""

    difference: float
    """Accuracy of the second minus accuracy of the first."""
    interval: Interval
    """95 % interval of the difference."""
    p_value: float
    """Two-sided: how often chance alone would give a difference as large."""


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


def paired_bootstrap(
    right_first: Sequence[bool] | npt.NDArray[np.bool_],
    right_second: Sequence[bool] | npt.NDArray[np.bool_],
    draws: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two models by drawing test rows again with replacement (Efron, 1979; Koehn, 2004).

    Both sequences say, for the same rows in the same order, whether the model was right.
    """
    first, second = np.asarray(right_first, dtype=bool), np.asarray(right_second, dtype=bool)
    if first.shape != second.shape or not first.size:
        raise ValueError("Both models must have answered the same rows.")
    # Of a drawn sample only three counts matter: rows that one model alone has right, the other alone, the rest.
    wins, losses = int((second & ~first).sum()), int((first & ~second).sum())
    shares = np.array([wins, losses, len(first) - wins - losses]) / len(first)
    drawn = np.random.default_rng(seed).multinomial(len(first), shares, size=draws)
    differences = (drawn[:, 0] - drawn[:, 1]) / len(first)
    difference = (wins - losses) / len(first)
    # Under the null hypothesis the same spread lies around 0; the observed sample itself counts as one draw.
    as_large = np.abs(differences - difference) >= abs(difference) - 1e-12
    low, high = np.quantile(differences, [0.025, 0.975])
    p_value = (1 + int(as_large.sum())) / (1 + draws)
    return Comparison(difference=difference, interval=Interval(float(low), float(high)), p_value=p_value)
