"""A vector for a whole text that a classifier reads, from the vectors of its pieces."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mamebert.tasks.bag.grams import Ids
from mamebert.word2vec.document_vectors import at_length_1, frequency_weighted
from mamebert.word2vec.table import VectorTable


@dataclass(frozen=True)
class DocumentVectors:
    """A table of word vectors: what lies where, and how much each piece counts."""

    vectors: npt.NDArray[np.float32]
    """[vocabulary, width]; the mean length of those learnt is 1, all others are zero."""
    weights: npt.NDArray[np.float32]
    """[vocabulary]."""

    @classmethod
    def of(cls, table: VectorTable) -> Self:
        """Take the vectors and weights that were learnt; where no weights were, by frequency."""
        told = table if table.weights is not None else frequency_weighted(table)
        assert told.weights is not None
        return cls(np.where(told.learnt[:, None], told.scaled("unit"), np.float32(0)), told.weights)

    @property
    def width(self) -> int:
        """Numbers in the vector of a text."""
        return 2 * int(self.vectors.shape[1])

    def vector(self, ids: Ids) -> npt.NDArray[np.float32]:
        """Return two vectors of a text side by side: the weighted sum of its pieces at length 1, and their plain mean.

        In the sum a piece that stands there n times counts 1 + log n times, as in `document_vectors` with `sublinear`;
        here one text is read by itself, so that others change no bit of it.
        """
        if not len(ids):
            return np.zeros(self.width, np.float32)
        found, counts = np.unique(ids, return_counts=True)
        rows = self.vectors[found]
        told = ((1 + np.log(counts)) * self.weights[found]).astype(np.float32) @ rows
        return np.concatenate([at_length_1(told), (counts / len(ids)).astype(np.float32) @ rows])
