"""Scores as shares that add up to 1."""

import numpy as np
import numpy.typing as npt


def softmax(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return e^score over the sum of those along the last axis: [..., alternatives], as `scores` are.

    scipy's, which looks at first for the library that an array belongs to, takes longer than all of a short answer.
    """
    powers = np.exp(scores - np.maximum.reduce(scores, axis=-1, keepdims=True))
    found: npt.NDArray[np.floating] = powers / np.add.reduce(powers, axis=-1, keepdims=True)
    return found
