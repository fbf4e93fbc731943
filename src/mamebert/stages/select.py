"""`mamebert select`: documents and the texts of a task in, the passages nearest to the task out."""

from collections.abc import Iterator
from functools import partial as bind
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mamebert.config import RunPath
from mamebert.corpus.bm25 import Best, Counts, Queries, count_passages, find_best, nothing_found
from mamebert.corpus.documents import DocumentWriter, document_shards, read_shard
from mamebert.corpus.parallel import Engine, ordered_map, require
from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError, unknown
from mamebert.preflight.ahead import Ahead, Found, check_first, tried
from mamebert.progress import progress, say
from mamebert.results.select import Match, Passages, SelectResults
from mamebert.runs import Run, Source, StageConfig

NUM_SAMPLES, SAMPLE_CHARACTERS = 5, 300
ROWS_LOOKED_AT = 3


class SelectConfig(StageConfig):
    """Settings of `mamebert select`, as in task-driven language modelling (Yao et al., 2022)."""

    command: ClassVar[str] = "select"
    newer: ClassVar[tuple[str, ...]] = ("engine",)
    corpus: RunPath
    """The general corpus: a run of `mamebert clean`."""
    source: Reader
    """Rows of the task, whose texts are the queries: those to learn from, never those to be tested on."""
    text_columns: list[str] = Field(default=["text"], min_length=1)
    """Columns with the texts of a row; each is a query of its own."""
    top_passages: int = Field(default=50, ge=1)
    """Passages taken for each query, the best by BM25 (Yao et al.: 50)."""
    passage_characters: int = Field(default=1000, ge=0)
    """Documents are cut, between sentences, into passages of about so many characters; 0 takes them whole."""
    query_terms: int = Field(default=64, ge=0)
    """Of a long text, look for so many of its terms, those that weigh most; 0 looks for all."""
    max_characters: int = Field(default=0, ge=0)
    """Keep so much text at most: passages of the best ranks, over all queries, stay. 0 keeps all that was found."""
    shard_characters: int = Field(default=8_000_000, ge=1000)
    """Characters in one document shard."""
    processes: int = Field(default=0, ge=0)
    """Worker processes; 0 takes one per core. The result does not depend on it."""
    engine: Engine = "local"
    """Where these processes are: on this machine, or on a Ray cluster (extra `ray`), that of RAY_ADDRESS or else one
    that is started here. The result does not depend on it."""

    def fingerprint(self) -> list[Source]:
        """Return the rows of the task."""
        return self.source.fingerprint()


def select(config: SelectConfig) -> Run:
    """Find the passages of a corpus that are nearest to a task's texts; leave document shards, as `clean` does."""
    check_first(config, check)
    run = Run.start(config, config.fingerprint())
    if run.finished:
        return run
    began, shards = monotonic(), document_shards(config.corpus)
    texts = list(dict.fromkeys(_texts(config)))
    queries = Queries(texts)
    counts, firsts = _count(config, shards, queries)
    best = _search(config, shards, queries, counts, firsts)
    ranks = best.ranks()
    if not ranks:
        raise UserError(f"No passage of {config.corpus} has a word of the task's texts. Give a corpus of its language.")
    kept = _within(ranks, counts, config.max_characters)

    shown = _shown(best)
    passages: dict[int, str] = {}
    with DocumentWriter(run.folder, config.shard_characters) as writer:
        for number, sentences in _numbered(shards, config.passage_characters, firsts):
            if number in kept:
                writer.add(sentences, sum(map(len, sentences)))
            if number in shown:
                passages[number] = " ".join(sentences)

    empty = int((best.scores[:, 0] == 0).sum())
    if empty:
        say(f"{empty:,} of {len(texts):,} queries have no word that stands anywhere in the corpus.")
    size = [_size(counts, numbers) for numbers in (range(len(counts.lengths)), ranks, kept)]
    run.results = SelectResults(
        queries=len(texts),
        queries_without_any=empty,
        corpus=size[0],
        found=size[1],
        kept=size[2],
        kept_rate=round((size[2].characters or 0) / max(1, size[0].characters or 0), 6),
        worst_rank=1 + max(ranks[number] for number in kept),
        samples=[
            Match(
                query=texts[query][:SAMPLE_CHARACTERS],
                passage=passages[number][:SAMPLE_CHARACTERS],
                score=round(float(best.scores[query, 0]), 3),
            )
            for number, query in shown.items()
        ],
        seconds=round(monotonic() - began, 2),
    ).written()
    return run.finish()


def check(config: SelectConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: no documents, and rows that cannot be read or lack a column."""
    yield from tried(require, config.engine)
    yield from ahead.made_by(config.corpus, ["clean"], document_shards)
    yield from tried(_look, config)


def _look(config: SelectConfig) -> None:
    for row in config.source.first_rows(ROWS_LOOKED_AT):
        list(_texts_of(row, config.text_columns))


def _texts(config: SelectConfig) -> Iterator[str]:
    for row in config.source.rows():
        yield from _texts_of(row, config.text_columns)


def _texts_of(row: Row, columns: list[str]) -> Iterator[str]:
    for name in columns:
        if name not in row:
            raise unknown("column", name, map(str, row))
        yield str(row[name])


def _passages(shard: Path, characters: int) -> Iterator[list[str]]:
    """Yield the passages of a shard, each a list of sentences: full as soon as they have so many characters."""
    for document in read_shard(shard):
        ends = np.cumsum([len(sentence) for sentence in document])
        full = np.arange(characters, int(ends[-1]), characters) if characters else np.empty(0, np.int64)
        marks = np.searchsorted(ends, full) + 1
        # A rest of less than half a passage belongs to the one before.
        edges = [int(mark) for mark in np.unique(marks) if 2 * (ends[-1] - ends[mark - 1]) >= characters]
        for first, last in pairwise([0, *edges, len(document)]):
            if first < last:
                yield document[first:last]


def _numbered(shards: list[Path], characters: int, firsts: list[int]) -> Iterator[tuple[int, list[str]]]:
    for shard, first in zip(shards, firsts, strict=True):
        yield from enumerate(_passages(shard, characters), start=first)


def _count(config: SelectConfig, shards: list[Path], queries: Queries) -> tuple[Counts, list[int]]:
    """Return what is known of all passages, and the number of the first of each shard."""
    count = bind(_count_shard, config.passage_characters, queries.vocabulary)
    work = ordered_map(count, shards, config.processes, engine=config.engine)
    found = list(progress(work, "counting passages", "shards", len(shards)))
    sizes = [len(each.lengths) for each in found]
    counts = found[0]
    for each in found[1:]:
        counts = counts + each
    return counts, (np.cumsum(sizes) - sizes).tolist()


def _count_shard(characters: int, vocabulary: dict[str, int], shard: Path) -> Counts:
    return count_passages((" ".join(each) for each in _passages(shard, characters)), vocabulary)


def _search(config: SelectConfig, shards: list[Path], queries: Queries, counts: Counts, firsts: list[int]) -> Best:
    weights = queries.weights(counts, config.query_terms)
    search = bind(
        _search_shard, config.passage_characters, queries.vocabulary, weights, counts.mean_length, config.top_passages
    )
    best = nothing_found(len(queries), config.top_passages)
    work = ordered_map(search, zip(shards, firsts, strict=True), config.processes, engine=config.engine)
    for each in progress(work, "looking for passages", "shards", len(shards)):
        best = best.merged(each)
    return best


def _search_shard(
    characters: int, vocabulary: dict[str, int], weights: Any, mean: float, most: int, place: tuple[Path, int]
) -> Best:
    passages = [" ".join(each) for each in _passages(place[0], characters)]
    return find_best(passages, place[1], vocabulary, weights, mean, most)


def _within(ranks: dict[int, int], counts: Counts, most: int) -> set[int]:
    """Return the passages of the best ranks that have `most` characters together; all where that is 0."""
    if not most:
        return set(ranks)
    order = sorted(ranks, key=lambda number: (ranks[number], number))
    filled = np.cumsum(counts.characters[order])
    return set(order[: max(1, int(np.searchsorted(filled, most, side="right")))])


def _shown(best: Best) -> dict[int, int]:
    """Return some best passages by number, and the query of each."""
    having = np.flatnonzero(best.scores[:, 0] > 0)
    some = having[:: max(1, len(having) // NUM_SAMPLES)][:NUM_SAMPLES]
    return {int(best.passages[query, 0]): int(query) for query in some}


def _size(counts: Counts, numbers: Any) -> Passages:
    chosen = list(numbers)
    return Passages(passages=len(chosen), characters=int(counts.characters[chosen].sum()))
