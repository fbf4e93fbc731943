"""The pieces of a text, single and with the next ones, as columns of a sparse table weighted by TF-IDF."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.integer]
MOST_GRAMS = 2**18
"""Columns that are kept, those of most texts: 262,144 of them, at 20 labels, are 21 MB."""
MOST_COUNTED = 2**22
"""Of more, those that one text alone had until then are forgotten (lossy counting: Manku and Motwani, 2002)."""
TEXTS_AT_ONCE = 2_000
LONGEST = 3
"""Pieces of a column at most: so many have room in a key."""
_BITS = 21
MOST_PIECES = 2**_BITS - 1
"""Pieces of a vocabulary at most."""


class Weighed(NamedTuple):
    """What of a text stands in columns."""

    columns: npt.NDArray[np.int64]
    """Numbers of the columns, rising."""
    values: npt.NDArray[np.float32]
    """Their TF-IDF weights, together of length 1."""


@dataclass(frozen=True)
class Grams:
    """Which pieces, and sequences of pieces, training texts have, and how much each tells."""

    keys: npt.NDArray[np.int64]
    """Rising, one for each column: (a + 1) 2^42 for the piece a, and as much more as (b + 1) 2^21 + c + 1 where b and c
    follow."""
    idf: npt.NDArray[np.float32]
    """log((1 + texts) / (1 + texts with it)) + 1 of each column (Salton and Buckley, 1988; as scikit-learn smooths)."""

    @classmethod
    def learn(cls, texts: Sequence[Ids], longest: int, most: int = MOST_GRAMS) -> Self:
        """Count in how many of the texts each piece stands, and each sequence of 2 to `longest` pieces.

        Sequences of one text alone are no columns: on few long texts they are most of all, and cost more than they tell
        (docs/lab.md). Of more than `most` columns, those of most texts are kept; of equals those with the smaller key.
        """
        keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = [np.unique(_keys(ids, longest)) for ids in texts[start : start + TEXTS_AT_ONCE]]
            found = np.unique(np.concatenate(some), return_counts=True)
            keys, counts = _added((keys, counts), found)
            if len(keys) > MOST_COUNTED:
                keys, counts = _told(keys, counts)
        keys, counts = _told(keys, counts)
        if len(keys) > most:
            kept = np.sort(np.lexsort((keys, -counts))[:most])
            keys, counts = keys[kept], counts[kept]
        return cls(keys, (np.log((1 + len(texts)) / (1 + counts)) + 1).astype(np.float32))

    def weigh(self, ids: Ids) -> Weighed:
        """Return the columns of a text, each (1 + log of how often it stands there) * idf, divided by their length."""
        found, counts = np.unique(_keys(ids, self.longest), return_counts=True)
        columns = np.searchsorted(self.keys, found)
        known = columns < len(self.keys)
        known[known] = self.keys[columns[known]] == found[known]
        columns, counts = columns[known], counts[known]
        values = (1 + np.log(counts)) * self.idf[columns]
        length = np.sqrt((values * values).sum())
        return Weighed(columns, (values / (length or 1.0)).astype(np.float32))

    @cached_property
    def longest(self) -> int:
        """Pieces of the longest column."""
        has_third, has_second = (bool((self.keys >> shift & MOST_PIECES).any()) for shift in (0, _BITS))
        return 3 if has_third else 2 if has_second else 1


def _keys(ids: Ids, longest: int) -> npt.NDArray[np.int64]:
    numbers = ids.astype(np.int64) + 1
    found = [numbers << 2 * _BITS]
    for after in range(1, longest):
        found.append(found[-1][:-1] + (numbers[after:] << (2 - after) * _BITS))
    return np.concatenate(found)


def _told(keys: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """Return single pieces, and of sequences those of two texts or more."""
    kept = (counts > 1) | (keys & ((1 << 2 * _BITS) - 1) == 0)
    return keys[kept], counts[kept]


def _added(*counted: Iterable[npt.NDArray[np.int64]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the keys of several counts, each once, and the sums of their counts."""
    keys, counts = (np.concatenate(each) for each in zip(*counted, strict=True))
    distinct, places = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(places, counts, len(distinct)).astype(np.int64)
