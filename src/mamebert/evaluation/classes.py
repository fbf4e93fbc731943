"""Measures of answers that are one class for each row."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.measures import Counts, Measure, divide, f1, mean_f1, mean_of

Classes = Sequence[Hashable]


def accuracy(expected: Classes, predicted: Classes) -> Measure:
    """Return the share of rows answered rightly."""
    return mean_of("accuracy", [a == b for a, b in zip(expected, predicted, strict=True)])


def macro_f1(expected: Classes, predicted: Classes) -> Measure:
    """Return the mean F1 over classes; a class neither expected nor predicted in the sample counts nothing."""
    wanted, given = _one_hot(expected, predicted)
    counts = np.stack([wanted & given, given, wanted], axis=-1).astype(float)  # rows, classes, 3
    return Measure("macro_f1", counts.reshape(len(counts), -1), mean_f1)


def binary_f1(expected: Classes, predicted: Classes, positive: Hashable) -> Measure:
    """Return the F1 of one class, 0 where it is neither expected nor predicted."""
    pairs = [(a == positive, b == positive) for a, b in zip(expected, predicted, strict=True)]
    counts = np.array([(a and b, b, a) for a, b in pairs], dtype=float).reshape(-1, 3)
    return Measure("f1", counts, f1)


def mcc(expected: Classes, predicted: Classes) -> Measure:
    """Return Matthews' correlation coefficient, for any number of classes (Gorodkin, 2004), -1 to 1.

    0 where all rows are expected in one class, or all predicted in one.
    """
    wanted, given = _one_hot(expected, predicted)
    right = (wanted & given).any(axis=1, keepdims=True)
    counts = np.hstack([right, np.ones_like(right), wanted, given]).astype(float)
    return Measure("mcc", counts, _mcc)


def _mcc(sums: Counts) -> Counts:
    right, rows = sums[..., 0], sums[..., 1]
    wanted, given = np.split(sums[..., 2:], 2, axis=-1)
    together = right * rows - (wanted * given).sum(axis=-1)
    spreads = [rows**2 - (each**2).sum(axis=-1) for each in (wanted, given)]
    return divide(together, np.sqrt(spreads[0] * spreads[1]))


def _one_hot(expected: Classes, predicted: Classes) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return [rows, classes] of what is expected and of what is predicted."""
    if len(expected) != len(predicted):
        raise ValueError("Every row needs one expected and one predicted class.")
    number = {label: i for i, label in enumerate(dict.fromkeys([*expected, *predicted]))}
    eye = np.eye(len(number), dtype=bool)
    wanted, given = (eye[[number[label] for label in labels]] for labels in (expected, predicted))
    return wanted, given
