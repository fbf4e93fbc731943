"""`mamebert vectors`: token shards in, one word vector for every vocabulary id out."""

from time import perf_counter
from typing import ClassVar

from pydantic import Field

from mamebert.config import RunPath
from mamebert.corpus.token_shards import TokenShards, read_manifest
from mamebert.preflight.ahead import Ahead, Found, check_first
from mamebert.progress import say
from mamebert.results.vectors import Coverage, VectorsResults
from mamebert.runs import Run, StageConfig
from mamebert.tokenizer.copying import copy_tokenizer
from mamebert.word2vec.cbow import Cbow, train_cbow
from mamebert.word2vec.neighbours import frequent_words, neighbours
from mamebert.word2vec.table import VectorTable

ALL_ALIKE = 0.99
"""Mean cosine of nearest neighbours above which vectors tell words apart no more; real text gives 0.5 to 0.8."""


class VectorsConfig(StageConfig):
    """Settings of `mamebert vectors`."""

    command: ClassVar[str] = "vectors"
    shards: RunPath
    """Output folder of `mamebert tokenize`."""
    cbow: Cbow = Cbow()
    """How the vectors are learnt."""
    probe_words: list[str] = Field(default_factory=list)
    """Words whose nearest neighbours are shown; empty: frequent words are chosen."""


def vectors(config: VectorsConfig) -> Run:
    """Learn word vectors by CBOW; leave a table whose row i belongs to vocabulary id i, and what lies near what."""
    check_first(config, check)
    run = Run.start(config)
    if run.finished:
        return run
    shards = TokenShards.open(config.shards)

    started = perf_counter()
    found = train_cbow(shards, config.cbow, config.seed, scratch_folder=run.folder)
    seconds = perf_counter() - started

    table = VectorTable.align(found, shards.tokenizer_folder / "vocab.txt", config.seed)
    table.save(run.folder)
    copy_tokenizer(
        shards.tokenizer_folder, run.folder / "tokenizer"
    )  # so that the folder can be moved, and asked alone

    results = _neighbours(table, config.probe_words)
    results.coverage = Coverage(**table.coverage())
    results.learning_seconds = round(seconds, 3)
    results.tokens_per_second = round(config.cbow.epochs * shards.num_tokens / seconds)
    run.results = results.written()
    return run.finish()


def check(config: VectorsConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: no token shards."""
    yield from ahead.made_by(config.shards, ["tokenize"], read_manifest)


def _neighbours(table: VectorTable, asked: list[str]) -> VectorsResults:
    near = neighbours(table, asked or frequent_words(table))
    unknown = [word for word in asked if word not in near]
    if unknown:
        say(f"No vector was learnt for {', '.join(unknown)}: not a whole token of the vocabulary, or not in the text.")
    closest = [cosine for found in near.values() for _, cosine in found]
    collapsed = bool(closest) and sum(closest) / len(closest) > ALL_ALIKE
    if collapsed:
        say(
            "The word vectors have collapsed: all words lie in one direction, so that neighbours mean nothing. Give "
            "more text, more cbow.epochs, or a smaller cbow.vector_size."
        )
    return VectorsResults(neighbours=near, probe_words_unknown=unknown, collapsed=collapsed)
