"""The pieces of a text, single and in pairs, as columns of a sparse table weighted by TF-IDF."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.integer]
MOST_GRAMS = 2**18
"""Columns that are kept, those of most texts: 262,144 of them, at 20 labels, are 21 MB."""
TEXTS_AT_ONCE = 2_000
_SHIFT = 32


class Weighed(NamedTuple):
    """What of a text stands in columns."""

    columns: npt.NDArray[np.int64]
    """Numbers of the columns, rising."""
    values: npt.NDArray[np.float32]
    """Their TF-IDF weights, together of length 1."""


@dataclass(frozen=True)
class Grams:
    """Which pieces and pairs of neighbouring pieces training texts have, and how much each tells."""

    keys: npt.NDArray[np.int64]
    """Rising, one for each column: 2^32 a for the piece a, 2^32 a + b + 1 for a followed by b."""
    idf: npt.NDArray[np.float32]
    """log((1 + texts) / (1 + texts with it)) + 1 of each column (Salton and Buckley, 1988; as scikit-learn smooths)."""

    @classmethod
    def learn(cls, texts: Sequence[Ids], pairs: bool, most: int = MOST_GRAMS) -> Self:
        """Count in how many of the texts each piece stands, and with `pairs` each two neighbours.

        Of more than `most`, those of most texts are kept; of equals the ones with the smaller key.
        """
        keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = [np.unique(_keys(ids, pairs)) for ids in texts[start : start + TEXTS_AT_ONCE]]
            found = np.unique(np.concatenate(some), return_counts=True)
            keys, counts = _added((keys, counts), found)
        if len(keys) > most:
            kept = np.sort(np.lexsort((keys, -counts))[:most])
            keys, counts = keys[kept], counts[kept]
        return cls(keys, (np.log((1 + len(texts)) / (1 + counts)) + 1).astype(np.float32))

    def weigh(self, ids: Ids) -> Weighed:
        """Return the columns of a text, each (1 + log of how often it stands there) * idf, divided by their length."""
        found, counts = np.unique(_keys(ids, self.has_pairs), return_counts=True)
        columns = np.searchsorted(self.keys, found)
        known = columns < len(self.keys)
        known[known] = self.keys[columns[known]] == found[known]
        columns, counts = columns[known], counts[known]
        values = (1 + np.log(counts)) * self.idf[columns]
        length = np.sqrt((values * values).sum())
        return Weighed(columns, (values / (length or 1.0)).astype(np.float32))

    @cached_property
    def has_pairs(self) -> bool:
        """Whether any column is a pair."""
        return bool((self.keys & ((1 << _SHIFT) - 1)).any())


def _keys(ids: Ids, pairs: bool) -> npt.NDArray[np.int64]:
    singles = ids.astype(np.int64) << _SHIFT
    return np.concatenate([singles, singles[:-1] + ids[1:] + 1]) if pairs else singles


def _added(*counted: Iterable[npt.NDArray[np.int64]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the keys of several counts, each once, and the sums of their counts."""
    keys, counts = (np.concatenate(each) for each in zip(*counted, strict=True))
    distinct, places = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(places, counts, len(distinct)).astype(np.int64)
