"""Word vectors by CBOW (Mikolov, Chen, Corrado and Dean, 2013), learnt by gensim from token shards.

gensim reads text files. We hand it the tokens in slices of one sentence per line, so that the disk holds one
slice instead of the whole corpus a second time, and so that progress can be told between two slices.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mamebert.config import Config
from mamebert.corpus.frequencies import token_counts
from mamebert.corpus.parallel import num_cores
from mamebert.corpus.token_shards import TokenShards
from mamebert.errors import UserError
from mamebert.files.disk import need_space
from mamebert.progress import Meter
from mamebert.word2vec.gensim_text import Lines, slices, spell

# About a second of work for a core: long against gensim's start-up for a slice (0.05 s for 32,000 tokens).
TOKENS_PER_SLICE_AND_WORKER = 1_000_000
MOST_TOKENS_PER_SLICE = 16_000_000
# gensim counts a worker's share in batches of 10,000 words; with less than this they would work on the same text.
LEAST_TOKENS_PER_WORKER = 100_000


class Cbow(Config):
    """How the word vectors are learnt. The paper names gensim and CBOW; the rest are gensim's defaults."""

    vector_size: int = Field(default=128, gt=0)
    """Width of a vector. The encoder that takes the table must have the same hidden_size."""
    window: int = Field(default=5, gt=0)
    """Furthest context token on either side; each position draws its own window between 1 and this."""
    min_count: int = Field(default=1, ge=1)
    """Tokens seen less often learn no vector. 1, where gensim has 5, so that every token seen gets one."""
    negative: int = Field(default=5, gt=0)
    """Noise tokens drawn against each true one."""
    ns_exponent: float = 0.75
    """Noise tokens are drawn in proportion to their count to this power."""
    sample: float = Field(default=1e-3, ge=0, le=1)
    """Tokens that are a greater share of the text than this are skipped at random; 0 keeps all."""
    alpha: float = Field(default=0.025, gt=0)
    """Learning rate at the start; it falls linearly."""
    min_alpha: float = Field(default=0.0001, gt=0)
    """Learning rate at the end."""
    epochs: int = Field(default=5, gt=0)
    """Passes over the text."""
    processes: int = Field(default=0, ge=0)
    """Threads; 0 takes every core. They write to one table without locks, so only 1 gives the same bits twice."""

    @model_validator(mode="after")
    def _rate_falls(self) -> Self:
        if self.min_alpha > self.alpha:
            raise ValueError(
                f"min_alpha {self.min_alpha} is above alpha {self.alpha}. The learning rate falls from alpha to "
                "min_alpha: give a smaller min_alpha."
            )
        return self


@dataclass(frozen=True)
class LearntVectors:
    """What word2vec knows: vectors of the ids that occurred often enough, in no particular order."""

    ids: npt.NDArray[np.int64]
    matrix: npt.NDArray[np.float32]
    """Row i is the vector of ids[i]."""
    counts: npt.NDArray[np.int64]
    """How often each id of the vocabulary occurs in the text, learnt or not."""


def train_cbow(shards: TokenShards, settings: Cbow, seed: int, scratch_folder: Path) -> LearntVectors:
    """Return vectors learnt from all sentences of `shards`; the scratch file is gone afterwards.

    Bit-reproducible with `processes = 1`. An empty corpus, or one where no token is as frequent as
    `min_count`, is a UserError, and so is a disk without space for a slice.
    """
    from gensim.models import Word2Vec

    counts = token_counts(shards, about=shards.num_tokens)
    width = len(str(shards.vocab_size))
    frequent = {spell(i, width): n for i, n in enumerate(counts.tolist()) if n >= settings.min_count}
    if not frequent:
        raise UserError(
            f"No token of {shards.folder} occurs {settings.min_count} times, so there are no vectors to learn. "
            "Give more text or a lower cbow.min_count."
        )
    workers = num_workers(settings.processes, shards.num_tokens)
    model = Word2Vec(
        vector_size=settings.vector_size,
        window=settings.window,
        min_count=settings.min_count,
        negative=settings.negative,
        ns_exponent=settings.ns_exponent,
        sample=settings.sample,
        alpha=settings.alpha,
        min_alpha=settings.min_alpha,
        sg=0,
        workers=workers,
        seed=seed % 2**32,  # gensim's generator takes no more
    )
    model.build_vocab_from_freq(frequent)
    slice_tokens = min(workers * TOKENS_PER_SLICE_AND_WORKER, MOST_TOKENS_PER_SLICE)
    _learn(model, shards, settings, slice_tokens, scratch_folder / "cbow_slice.txt")
    ids = np.array([int(key) for key in model.wv.index_to_key], dtype=np.int64)
    return LearntVectors(ids=ids, matrix=np.asarray(model.wv.vectors, dtype=np.float32), counts=counts)


def _learn(model: Any, shards: TokenShards, settings: Cbow, slice_tokens: int, path: Path) -> None:
    lines = Lines(shards)
    need_space(path.parent, lines.bytes_per_token * min(slice_tokens, shards.num_tokens), "The lines word2vec reads")
    total = settings.epochs * shards.num_tokens
    try:
        with Meter("word2vec", total, "tokens") as meter:
            for epoch in range(settings.epochs):
                for first, last in slices(shards.sentence_starts, slice_tokens):
                    words = lines.write(path, first, last)
                    rates = [
                        settings.alpha - (settings.alpha - settings.min_alpha) * done / total
                        for done in (meter.done, meter.done + words)
                    ]
                    model.train(
                        corpus_file=str(path),
                        total_words=words,
                        # A worker counts only its own sentences, yet its rate must fall to the end of the slice.
                        total_examples=max(1, (last - first) // model.workers),
                        epochs=1,
                        start_alpha=rates[0],
                        end_alpha=rates[1],
                    )
                    meter.advance(words, note=f"pass {epoch + 1} of {settings.epochs}")
    finally:
        path.unlink(missing_ok=True)


def num_workers(processes: int, num_tokens: int) -> int:
    """Return the number of threads: as asked (0 = all cores), fewer where the text is too short to divide."""
    return max(1, min(processes or num_cores(), num_tokens // LEAST_TOKENS_PER_WORKER))
