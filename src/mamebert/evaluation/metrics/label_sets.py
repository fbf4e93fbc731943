"""Measures of answers that are a set of labels for each row, and the threshold that makes sets of probabilities."""

from collections.abc import Collection, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.metrics.bootstrap import Measure, f1_places, found_among, mean_f1, sparse_counts

LabelSets = Sequence[Collection[Hashable]]


def micro_f1(expected: LabelSets, predicted: LabelSets) -> Measure:
    """Return the F1 over all labels of all rows together."""
    return found_among("micro_f1", expected, predicted)


def macro_f1(expected: LabelSets, predicted: LabelSets) -> Measure:
    """Return the mean F1 over labels; a label neither expected nor predicted in the sample counts nothing."""
    labels = dict.fromkeys(label for each in [*expected, *predicted] for label in each)
    number = {label: i for i, label in enumerate(labels)}
    pairs = zip(*([[number[label] for label in each] for each in sets] for sets in (expected, predicted)), strict=True)
    places = (place for row, (wanted, given) in enumerate(pairs) for place in f1_places(row, wanted, given))
    return Measure("macro_f1", sparse_counts(places, len(expected), 3 * len(number)), mean_f1)


def best_threshold(probabilities: npt.NDArray[np.floating], expected: Sequence[Collection[int]]) -> float:
    """Return the threshold with the highest micro-F1: a label is answered when its probability is at least that.

    `probabilities` are [rows, labels]. `expected` are the column numbers of each row; a number beyond the columns is
    a label that cannot be answered, and counts as missed. Every cut between two different probabilities is tried; the
    threshold lies in its middle, and of equally good ones it is the one nearest to one half.
    """
    num_labels = probabilities.shape[1]
    right = np.zeros((len(expected), num_labels), bool)
    for row, columns in enumerate(expected):
        right[row, [column for column in columns if column < num_labels]] = True
    order = np.argsort(-probabilities, axis=None, kind="stable")
    falling, num_right = probabilities.ravel()[order], np.cumsum(right.ravel()[order])
    answered = np.arange(1, len(falling) + 1)
    rates = 2 * num_right / (answered + sum(len(set(columns)) for columns in expected))
    following = np.append(falling[1:], falling.dtype.type(0))
    cuts = following + (falling - following) / 2  # in the kind of float given, so that comparing there is exact
    cuts = np.where(cuts > following, cuts, falling)
    possible = np.append(falling[1:] != falling[:-1], True)
    best = possible & (rates >= rates[possible].max() - 1e-12)
    return float(min(cuts[best].tolist(), key=lambda cut: abs(cut - 0.5)))
