"""Measures of answers that are one class for each row."""

from collections.abc import Hashable, Sequence

import numpy as np

from mamebert.evaluation.metrics.bootstrap import (
    Counts,
    Measure,
    divide,
    f1,
    f1_places,
    mean_f1,
    mean_of,
    sparse_counts,
)

Classes = Sequence[Hashable]


def accuracy(expected: Classes, predicted: Classes) -> Measure:
    """Return the share of rows answered rightly."""
    return mean_of("accuracy", [a == b for a, b in zip(expected, predicted, strict=True)])


def macro_f1(expected: Classes, predicted: Classes) -> Measure:
    """Return the mean F1 over classes; a class neither expected nor predicted in the sample counts nothing."""
    pairs, number = _numbered(expected, predicted)
    places = (place for row, (wanted, given) in enumerate(pairs) for place in f1_places(row, [wanted], [given]))
    return Measure("macro_f1", sparse_counts(places, len(pairs), 3 * number), mean_f1)


def binary_f1(expected: Classes, predicted: Classes, positive: Hashable) -> Measure:
    """Return the F1 of one class, 0 where it is neither expected nor predicted."""
    pairs = [(a == positive, b == positive) for a, b in zip(expected, predicted, strict=True)]
    counts = np.array([(a and b, b, a) for a, b in pairs], dtype=float).reshape(-1, 3)
    return Measure("f1", counts, f1)


def mcc(expected: Classes, predicted: Classes) -> Measure:
    """Return Matthews' correlation coefficient, for any number of classes (Gorodkin, 2004), -1 to 1.

    0 where all rows are expected in one class, or all predicted in one.
    """
    pairs, number = _numbered(expected, predicted)
    places = []
    for row, (wanted, given) in enumerate(pairs):
        right = [(row, 0)] if wanted == given else []
        places += [*right, (row, 1), (row, 2 + wanted), (row, 2 + number + given)]
    return Measure("mcc", sparse_counts(places, len(pairs), 2 + 2 * number), _mcc)


def _mcc(sums: Counts) -> Counts:
    right, rows = sums[..., 0], sums[..., 1]
    wanted, given = np.split(sums[..., 2:], 2, axis=-1)
    together = right * rows - (wanted * given).sum(axis=-1)
    spreads = [rows**2 - (each**2).sum(axis=-1) for each in (wanted, given)]
    return divide(together, np.sqrt(spreads[0] * spreads[1]))


def _numbered(expected: Classes, predicted: Classes) -> tuple[list[tuple[int, int]], int]:
    """Return the numbers of the classes that each row is expected and predicted in, and how many classes there are."""
    if len(expected) != len(predicted):
        raise ValueError("Every row needs one expected and one predicted class.")
    number = {label: i for i, label in enumerate(dict.fromkeys([*expected, *predicted]))}
    return [(number[wanted], number[given]) for wanted, given in zip(expected, predicted, strict=True)], len(number)
