"""Token vectors to one vector for each text, in arrays: as `tasks/network/pooling.py` does where something learns.

Each text by itself, so that no other has a part in its vector.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.checkpoints.sentence_transformers import PoolingMode

Floats = npt.NDArray[np.float32]
LEAST = 1e-12
"""What a vector is divided by that is shorter."""


class Found(NamedTuple):
    """What a head of vectors gives."""

    vectors: Any
    """float32 [texts, size], a tensor or an array: the texts of all examples, one after the other."""
    logits: Any
    """float32 [pairs, labels] for the examples of two texts; None where no labels are asked for."""


def pooled(states: Floats, sizes: Sequence[int], pooling: Sequence[PoolingMode]) -> Floats:
    """Return [texts, width * ways] of states [tokens, width], `sizes` of each text; several ways stand side by side."""
    found = [np.stack([_pool(rows, mode) for rows in _parted(states, sizes)]) for mode in pooling]
    return found[0] if len(found) == 1 else np.concatenate(found, 1)


def to_unit_length(vectors: Floats) -> Floats:
    """Return vectors [texts, size] at length 1."""
    lengths = np.sqrt(np.add.reduce(vectors * vectors, axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(lengths, np.float32(LEAST)))


def compared(u: Floats, v: Floats) -> Floats:
    """Return [u; v; |u - v|], [pairs, 3 size] (Reimers and Gurevych, 2019)."""
    return np.concatenate([u, v, np.abs(u - v)], 1)


def _pool(rows: Floats, pooling: PoolingMode) -> Floats:
    """Return the vector [width] of a text's tokens [tokens, width]."""
    found: Floats
    match pooling:
        case "cls":
            found = rows[0]
        case "lasttoken":
            found = rows[-1]
        case "max":
            found = np.maximum.reduce(rows)
        case "mean":
            found = np.add.reduce(rows) / np.float32(len(rows))
        case "mean_sqrt_len_tokens":
            found = np.add.reduce(rows) / np.sqrt(np.float32(len(rows)))
        case "weightedmean":  # the n-th token counts n times (Muennighoff, 2022)
            counts = np.arange(1, len(rows) + 1, dtype=np.float32)
            found = np.add.reduce(rows * counts[:, None]) / counts.sum()
    return found


def _parted(states: Floats, sizes: Sequence[int]) -> Iterator[Floats]:
    end = 0
    for size in sizes:
        end += size
        yield states[end - size : end]
