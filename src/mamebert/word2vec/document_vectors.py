"""From the words of a document to one vector: a weighted sum of theirs, at length 1. Their order plays no part."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from mamebert.word2vec.table import VectorTable

SIF = 1e-3
"""The a in a / (a + share of the text), by which frequent words count less (Arora, Liang and Ma, 2017)."""


def document_vectors(
    table: VectorTable, documents: Sequence[npt.NDArray[Any]], sublinear: bool = False
) -> npt.NDArray[np.float32]:
    """Return a vector of length 1 for each document, given as token ids: float32 [documents, size].

    A word adds its vector times its weight, as often as it occurs, or with `sublinear` 1 + log of that times. A table
    without weights is `frequency_weighted` first. A document of no word that counts is zero.
    """
    counts = word_counts(documents, len(table.tokens))
    if sublinear:
        counts.data = 1 + np.log(counts.data)
    return at_length_1(counts @ weighted_rows(table))


def word_counts(documents: Sequence[npt.NDArray[Any]], vocab_size: int) -> csr_matrix:
    """Return how often each id occurs in each document: float32 [documents, vocabulary]."""
    ids = np.concatenate([np.empty(0, np.int64), *documents]).astype(np.int64)
    ends = np.cumsum([0, *map(len, documents)])
    counts = csr_matrix((np.ones(len(ids), np.float32), ids, ends), (len(documents), vocab_size))
    counts.sum_duplicates()
    return counts


def weighted_rows(table: VectorTable) -> npt.NDArray[np.float32]:
    """Return what one occurrence of each id adds to the vector of a document: float32 [vocabulary, size]."""
    told = table if table.weights is not None else frequency_weighted(table)
    assert told.weights is not None
    rows: npt.NDArray[np.float32] = told.vectors * told.weights[:, None]
    return rows


def frequency_weighted(table: VectorTable) -> VectorTable:
    """Return the table with vectors as similarity wants them where nothing of it was learnt.

    Learnt vectors are moved to have their middle at zero and brought to length 1, and a word that is a share p of the
    text weighs a / (a + p). Words without a learnt vector weigh nothing.
    """
    middle = table.vectors[table.learnt].mean(axis=0) if table.learnt.any() else np.float32(0)
    share = table.counts / max(1, int(table.counts.sum()))
    weights = np.where(table.learnt, SIF / (SIF + share), 0).astype(np.float32)
    return replace(table, vectors=at_length_1(table.vectors - middle), weights=weights)


def at_length_1(vectors: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Return the vectors [..., size] at length 1; zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
