"""The angles of rotary positions (Su et al., 2021)."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@lru_cache(maxsize=16)
def angles(theta: float, width: int, length: int) -> tuple[Floats, Floats]:
    """Return cosines and sines of the angles of positions 0 .. length - 1: [length, width / 2] each.

    Frequencies and angles are rounded to float32, as transformers has them: at position 8,000 the last bit of a
    frequency is 0.0005. Powers, cosines and sines are float64's, so that none depends on its place in an array.
    """
    steps = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    frequencies = np.float32(1.0) / np.power(theta, steps.astype(np.float64)).astype(np.float32)
    turned = np.outer(np.arange(length, dtype=np.float32), frequencies).astype(np.float64)
    return np.cos(turned).astype(np.float32), np.sin(turned).astype(np.float32)
