"""The sentences that a vocabulary learns from and those kept aside to judge it; the words counted in them.

Every choice derives from the seed and the number of the document shard, so that neither the number of processes
nor their order matters.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial as bind
from itertools import chain, zip_longest
from math import ceil
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mamebert.corpus.columns import column_of
from mamebert.corpus.documents import read_batches
from mamebert.corpus.parallel import Engine, begin_server, num_cores, ordered_map
from mamebert.errors import UserError
from mamebert.progress import progress
from mamebert.tokenizer.japanese import MecabWords
from mamebert.tokenizer.normalising import NormalForm

Words = Literal["whitespace", "mecab"]
Chosen = npt.NDArray[np.bool_]
"""Of each sentence of a shard, whether it is one."""

NUM_HELD = 2_000
FEW_CHARACTERS: dict[Words, int] = {"whitespace": 20_000_000, "mecab": 1_000_000}
"""Of a text; their words are counted sooner than processes have started."""
JOBS_PER_PROCESS, SHARDS_PER_JOB = 2, 16
SHARDS_ASKED = 8
"""Shards that are open at a time."""


@dataclass(frozen=True)
class ShardSize:
    """What one document shard holds."""

    documents: int
    sentences: int
    characters: int


@dataclass(frozen=True)
class Sample:
    """A seeded sample of sentences from document shards."""

    shards: tuple[Path, ...]
    sizes: tuple[ShardSize, ...]
    rate: float
    """Share of the sentences that are learnt from."""
    seed: int
    processes: int
    normal_form: NormalForm
    """The Unicode form of the sentences."""
    engine: Engine = "local"
    """Where the processes are."""

    @classmethod
    def draw(
        cls,
        shards: list[Path],
        characters: int,
        seed: int,
        processes: int,
        normal_form: NormalForm = "NFC",
        engine: Engine = "local",
    ) -> Self:
        """Sample sentences so that about `characters` are learnt from, or all where there are fewer."""
        begin_server(_count, sum(shard.stat().st_size for shard in shards), processes, engine)
        sizes = measure_shards(shards)
        total = sum(size.characters for size in sizes)
        if not total:
            raise UserError("The corpus holds no text. Check what `mamebert clean` dropped, and why, in its run.json.")
        return cls(tuple(shards), tuple(sizes), min(1.0, characters / total), seed, processes, normal_form, engine)

    def held(self) -> list[str]:
        """Return up to about 2,000 sentences that are not learnt from."""
        picks = [_pick(size.sentences, number, self)[1] for number, size in enumerate(self.sizes)]
        return [text for shard, pick in zip(self.shards, picks, strict=True) for text in _sentences(shard, pick)]

    def learnt(self) -> Iterator[str]:
        """Yield sentences that are learnt from, out of some shards in turn."""
        chosen = range(0, len(self.shards), -(-len(self.shards) // SHARDS_ASKED))
        rows = [_sentences(self.shards[n], _pick(self.sizes[n].sentences, n, self)[0]) for n in chosen]
        return (text for turn in zip_longest(*rows) for text in turn if text is not None)

    def count_words(self, words: Words) -> Counter[str]:
        """Return how often each word stands in the sentences learnt from.

        "whitespace" counts what stands between spaces, punctuation still attached; "mecab" Japanese words.
        """
        counts: Counter[str] = Counter()
        work = bind(_count, self, words)
        few = sum(size.characters for size in self.sizes) < FEW_CHARACTERS[words]
        processes = 1 if few and self.engine == "local" else self.processes or num_cores()
        # Words that several shards of a job have are handed over, and put together here, once.
        together = min(-(-len(self.shards) // (JOBS_PER_PROCESS * processes)), SHARDS_PER_JOB)
        jobs = [range(len(self.shards))[start : start + together] for start in range(0, len(self.shards), together)]
        counted = ordered_map(work, jobs, processes, engine=self.engine, start="server")
        for each in progress(counted, "counting words", "parts", len(jobs)):
            counts.update(each)
        return counts


def measure_shards(shards: list[Path]) -> list[ShardSize]:
    """Return the size of each document shard (a second for a gigabyte of text or so)."""
    return [_measure(shard) for shard in progress(shards, "measuring the corpus", "shards")]


def _measure(shard: Path) -> ShardSize:
    documents = sentences = characters = 0
    for batch in read_batches(shard):
        texts = batch.column("sentences").flatten()
        documents += batch.num_rows
        sentences += len(texts)
        characters += pc.sum(pc.utf8_length(texts)).as_py() or 0
    return ShardSize(documents, sentences, characters)


def _pick(num_sentences: int, shard: int, sample: Sample) -> tuple[Chosen, Chosen]:
    """Return which sentences of a shard are learnt from, and which are kept aside."""
    lots = np.random.default_rng([sample.seed, shard]).random(num_sentences)
    wanted = min(ceil(NUM_HELD / len(sample.shards)), max(num_sentences // 10, 1))
    held = np.zeros(num_sentences, bool)
    if num_sentences > 1:
        held[np.argsort(lots, kind="stable")[num_sentences - wanted :]] = True
    return (lots < sample.rate) & ~held, held


def _sentences(shard: Path, chosen: Chosen) -> Iterator[str]:
    start = 0
    for batch in read_batches(shard):
        texts = batch.column("sentences").flatten()
        yield from texts.filter(column_of(chosen[start : start + len(texts)])).to_pylist()
        start += len(texts)


def _count(sample: Sample, words: Words, numbers: Iterable[int]) -> Counter[str]:
    split: Callable[[str], list[str]] = MecabWords().split if words == "mecab" else str.split
    counts: Counter[str] = Counter()
    for number in numbers:
        chosen = _pick(sample.sizes[number].sentences, number, sample)[0]
        counts.update(chain.from_iterable(map(split, _sentences(sample.shards[number], chosen))))
    return counts
