"""The table that a contrast begins with, and the one that it ends with."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mamebert.corpus.frequencies import token_counts
from mamebert.corpus.token_shards import TokenShards
from mamebert.errors import UserError
from mamebert.files.disk import hash_file
from mamebert.stages.contrast.bag import WeightedBag, first_weights
from mamebert.stages.contrast.settings import ContrastConfig
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.document_vectors import frequency_weighted
from mamebert.word2vec.table import VectorTable, read_vocabulary

MOST_FREQUENT, SHOWN = 3000, 12
"""Of so many frequent words so many are shown that weigh most, and least."""


def first_table(config: ContrastConfig, shards: TokenShards) -> VectorTable:
    """Return the table to begin with: that of `vectors`, or a random one, with a weight for each word.

    What `vectors` has of weights stays. Special tokens, which tell nothing of a text, and words that were never seen
    weigh 0. A table of another vocabulary is a UserError.
    """
    vocabulary = shards.tokenizer_folder / "vocab.txt"
    counts = token_counts(shards, about=shards.num_tokens)
    if config.vectors is None:
        shape = (shards.vocab_size, config.vector_size)
        drawn = np.random.default_rng(config.seed).normal(0, config.vector_size**-0.5, shape).astype(np.float32)
        table = VectorTable(drawn, counts > 0, counts, read_vocabulary(vocabulary), hash_file(vocabulary))
    else:
        table = fitting_table(config.vectors, shards.folder)
        if not np.array_equal(counts, table.counts):  # else it was learnt from this very text
            table = replace(table, counts=counts + table.counts, learnt=table.learnt | (counts > 0))
    if config.vectors and not (config.tokens or config.epochs) and table.weights is None:
        return _without_special(frequency_weighted(table), shards)
    rare = np.where(table.learnt, first_weights(np.maximum(table.counts, table.learnt)), 0).astype(np.float32)
    if table.weights is None:
        return _without_special(replace(table, vectors=table.scaled("unit"), weights=rare), shards)
    return _without_special(replace(table, weights=np.where(table.weights > 0, table.weights, rare)), shards)


def fitting_table(vectors: Path, shards: Path) -> VectorTable:
    """Open a table; one of another vocabulary than that of the shards is a UserError."""
    table = VectorTable.open(vectors)
    if hash_file(shards / "tokenizer" / "vocab.txt") != table.vocabulary_sha256:
        raise UserError(
            f"{vectors} has vectors for another vocabulary than that of {shards}. Make both from the same token "
            "shards, or with the same tokenizer."
        )
    return table


def last_table(begun: VectorTable, network: WeightedBag) -> VectorTable:
    """Return the table with what was learnt."""
    return replace(
        begun, vectors=network.vectors.detach().numpy(), weights=network.weights.detach().numpy().astype(np.float32)
    )


def _without_special(table: VectorTable, shards: TokenShards) -> VectorTable:
    assert table.weights is not None
    weights = table.weights.copy()
    weights[Tokenizer.open(shards.tokenizer_folder).special_ids] = 0
    return replace(table, weights=weights)


def extremes(table: VectorTable) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Return the words that weigh most and least among the most frequent ones, with their weights."""
    assert table.weights is not None
    known = np.flatnonzero(table.weights > 0)
    frequent = known[np.argsort(-table.counts[known], kind="stable")][:MOST_FREQUENT]
    ordered = frequent[np.argsort(table.weights[frequent], kind="stable")]
    told = [(table.tokens[i], round(float(table.weights[i]), 4)) for i in ordered]
    return told[::-1][:SHOWN], told[:SHOWN]
