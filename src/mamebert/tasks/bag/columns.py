"""Texts as rows of one table that a linear model is fitted to: sparse columns, and beside them document vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.sparse import csr_matrix, hstack

from mamebert.tasks.bag.document_vectors import DocumentVectors
from mamebert.tasks.bag.grams import Grams, Ids
from mamebert.tasks.bag.network import BagNetwork, Floats

_LEAST_SPREAD = 1e-6


class Table(NamedTuple):
    """Texts in columns."""

    sparse: Any
    """csr_matrix [texts, columns]; the length of a row is 1."""
    dense: Floats
    """[texts, width], of which the length of a row is about 1."""

    def beside(self, share: float) -> Any:
        """Return both as one csr_matrix, the document vectors `share` long; without them where that is 0."""
        if not share:
            return self.sparse
        return hstack([self.sparse, csr_matrix(self.dense * np.float32(share))], format="csr")


@dataclass(frozen=True)
class Columns:
    """What the columns are, as training texts decide it."""

    grams: Grams
    documents: DocumentVectors
    middle: Floats
    """Mean document vector of the training texts."""
    spread: Floats
    """Standard deviation of each of its numbers, times the square root of the width."""

    @classmethod
    def learn(cls, texts: Sequence[Ids], longest: int, documents: DocumentVectors) -> Self:
        """Look at training texts."""
        grams = Grams.learn(texts, longest)
        found = _dense(documents, texts)
        spread = (found.std(0) + _LEAST_SPREAD) * np.sqrt(found.shape[1])
        return cls(grams, documents, found.mean(0), spread.astype(np.float32))

    def table(self, texts: Sequence[Ids]) -> Table:
        """Return texts in these columns."""
        weighed = [self.grams.weigh(ids) for ids in texts]
        ends = np.cumsum([0, *(len(each.columns) for each in weighed)])
        columns = np.concatenate([each.columns for each in weighed]).astype(np.int32)
        values = np.concatenate([each.values for each in weighed])
        sparse = csr_matrix((values, columns, ends), (len(texts), len(self.grams.keys)))
        return Table(sparse, (_dense(self.documents, texts) - self.middle) / self.spread)

    def network(self, weight: Floats, bias: Floats, share: float) -> BagNetwork:
        """Return the network of a linear model of `Table.beside(share)`, [columns, labels] and [labels]."""
        num_sparse, vocab_size = len(self.grams.keys), len(self.documents.vectors)
        if not share:
            return BagNetwork(self.grams, weight, bias, vocab_size)
        inside = weight[num_sparse:] * np.float32(share) / self.spread[:, None]
        moved = bias - self.middle @ inside
        return BagNetwork(self.grams, weight[:num_sparse], moved, vocab_size, self.documents, inside)


def _dense(documents: DocumentVectors, texts: Sequence[Ids]) -> Floats:
    found = np.empty((len(texts), documents.width), np.float32)
    for row, ids in enumerate(texts):
        found[row] = documents.vector(ids)
    return found
