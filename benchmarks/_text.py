"""Token shards to measure on. The time of a step depends on the lengths of the sequences, not on what they say."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from transformers import BertTokenizer

from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard
from mamebert.files.disk import hash_file
from mamebert.tokenizer.pieces import SPECIAL_TOKENS
from mamebert.word2vec.table import VectorTable, read_vocabulary

SENTENCES, SENTENCES_IN_A_DOCUMENT, HELD_OUT = 20_000, 80, 10
# Logarithms of the lengths of 60,000 sentences of Japanese Wikipedia in a vocabulary of 8,000 (mean, deviation):
# a median of 41 tokens, 95 % have 90 or fewer.
LOG_LENGTH = 3.70, 0.51


def invent(folder: Path, vocab_size: int) -> Path:
    """Write a `tokenize` run of random tokens in sentences of real lengths; return its folder."""
    rng = np.random.default_rng(0)
    lengths = np.maximum(1, rng.lognormal(*LOG_LENGTH, SENTENCES)).astype(int)
    # As often as words are: the one of rank r with probability 1 / r (Zipf).
    ranks = np.exp(rng.random(lengths.sum()) * np.log(vocab_size - len(SPECIAL_TOKENS))).astype(int)
    ids = len(SPECIAL_TOKENS) - 1 + ranks
    cuts = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    sentences = [(ids[a:b], np.ones(b - a, bool)) for a, b in pairwise(cuts)]
    documents = [sentences[k : k + SENTENCES_IN_A_DOCUMENT] for k in range(0, SENTENCES, SENTENCES_IN_A_DOCUMENT)]
    write_token_shard(shard_path(folder, "train", 0), documents[HELD_OUT:], vocab_size)
    write_token_shard(shard_path(folder, "heldout", 0), documents[:HELD_OUT], vocab_size)
    write_manifest(folder, vocab_size)
    words = [*SPECIAL_TOKENS, *(f"w{number}" for number in range(vocab_size - len(SPECIAL_TOKENS)))]
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder / "tokenizer")
    record = {"id": "invented", "command": "tokenize", "settings": {}, "sources": []}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "tokenizer" / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return folder


def one_sentence_each(source: Path, folder: Path) -> Path:
    """Write a `tokenize` run in which each of the first sentences is a document; return its folder."""
    shards = TokenShards.open(source)
    documents = [
        [(shards.tokens(a, b), shards.word_starts(a, b))]
        for a, b in pairwise(shards.sentence_starts[: SENTENCES + 1].tolist())
    ]
    write_token_shard(shard_path(folder, "train", 0), documents, shards.vocab_size)
    write_manifest(folder, shards.vocab_size)
    (folder / "tokenizer").symlink_to(shards.tokenizer_folder.resolve())
    return folder


def invent_vectors(shards: Path, width: int, folder: Path) -> Path:
    """Write a `vectors` run of random vectors for the vocabulary of `shards`; return its folder."""
    vocabulary = shards / "tokenizer" / "vocab.txt"
    tokens = read_vocabulary(vocabulary)
    vectors = np.random.default_rng(0).normal(0, 0.02, (len(tokens), width)).astype(np.float32)
    folder.mkdir(parents=True)
    learnt, counts = np.ones(len(tokens), bool), np.ones(len(tokens), np.int64)
    VectorTable(vectors, learnt, counts, tokens, hash_file(vocabulary)).save(folder)
    return folder
