"""Softmax with zeros: how much each of some similarities counts (Martins and Astudillo, 2016)."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def sparsemax(scores: Floats) -> Floats:
    """Return for each row of scores [rows, choices] the nearest weights that are 0 or more and sum to 1.

    The highest scores get the weight by which they surpass a threshold, all others nothing.
    """
    falling = -np.sort(-scores.astype(np.float64), axis=1)
    sums = np.cumsum(falling, axis=1)
    ranks = np.arange(1, scores.shape[1] + 1)
    support = (1 + ranks * falling > sums).sum(axis=1)
    threshold = (sums[np.arange(len(scores)), support - 1] - 1) / support
    weights: Floats = np.maximum(scores - threshold[:, None], 0).astype(np.float32)
    return weights
