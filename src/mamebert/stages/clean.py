"""`mamebert clean`: raw text in, clean and sentence-split documents without duplicates out."""

import re
from collections import Counter
from collections.abc import Iterator
from time import monotonic
from typing import Any, ClassVar

from pydantic import Field, field_validator

from mamebert.corpus.batches import BatchCleaner, Duplicates, RawBatch, raw_batches
from mamebert.corpus.cleaning import Cleaning
from mamebert.corpus.documents import DocumentWriter
from mamebert.corpus.duplicates.near import NearDuplicates
from mamebert.corpus.filters.filtering import Filtering
from mamebert.corpus.filters.settings import Filters
from mamebert.corpus.parallel import LARGE_BYTES, START_SECONDS, Engine, begin_server, ordered_map, require
from mamebert.corpus.readers import Reader, ignore_progress
from mamebert.corpus.sentences import Splitter
from mamebert.corpus.tally import Tally
from mamebert.extras import require_extra
from mamebert.files.disk import need_space
from mamebert.preflight.ahead import Ahead, Found, check_first, tried
from mamebert.progress import Meter, say
from mamebert.runs import Run, Source, StageConfig

LANGUAGE_CODE = re.compile(r"[A-Za-z]{2,3}(?:[-_]\w+)*")
# Countries and names taken for language codes; "jp" would split Japanese at spaces.
LANGUAGES_OFTEN_MISSPELT = {
    "jp": "ja",
    "jpn": "ja",
    "japanese": "ja",
    "cn": "zh",
    "chinese": "zh",
    "english": "en",
    "ie": "ga",
    "irish": "ga",
}

ROWS_LOOKED_AT = 3
SECONDS_ALONE = 1.5
"""Text that seems to be little is done within them, unless a slow splitter or filter was asked for."""


class CleanConfig(StageConfig):
    """Settings of `mamebert clean`: where text comes from and what happens to it."""

    command: ClassVar[str] = "clean"
    newer: ClassVar[tuple[str, ...]] = ("filters", "near_duplicates", "engine")
    sources: list[Reader] = Field(min_length=1)
    """Where the text is: paths (`"corpus/*.txt"`), or tables with a `kind`; one or several.

    In `.txt` files an empty line parts documents, and every line is a paragraph.
    """
    text_columns: list[str] = Field(default=["text"], min_length=1)
    """Columns that make up a document, joined by line ends."""
    language: str = Field(default="en", min_length=2)
    """Language of the text (ISO 639: en, ja, ga ...); it decides how sentences end."""
    splitter: Splitter = "rules"
    """Who splits sentences: our rules (fast, any language) or pysbd (slow, 23 languages)."""
    cleaning: Cleaning = Cleaning()
    filters: Filters = Filters()
    duplicates: Duplicates = "documents"
    """What is kept only once: whole documents, or single paragraphs (lines) across all documents."""
    near_duplicates: NearDuplicates = NearDuplicates()
    shard_characters: int = Field(default=8_000_000, ge=1000)
    """Characters in one document shard; about ten bytes of memory each while it is filled."""
    max_documents: int | None = Field(default=None, ge=1)
    """Stop after this many documents are kept."""
    processes: int = Field(default=0, ge=0)
    """Worker processes; 0 takes one per core. The result does not depend on it."""
    engine: Engine = "local"
    """Where these processes are: on this machine, or on a Ray cluster (extra `ray`), that of RAY_ADDRESS or else one
    that is started here. The result does not depend on it."""

    def fingerprint(self) -> list[Source]:
        """Return the text that is read."""
        return [source for reader in self.sources for source in reader.fingerprint()]

    @field_validator("language")
    @classmethod
    def _language_is_a_code(cls, value: str) -> str:
        code = LANGUAGES_OFTEN_MISSPELT.get(value.lower())
        if code or not LANGUAGE_CODE.fullmatch(value):
            raise ValueError(f"There is no language code {value!r}. Give the ISO 639 code, {code or 'en'!r} say.")
        return value

    @field_validator("sources", mode="before", json_schema_input_type=Reader | list[Reader])
    @classmethod
    def _one_source_is_a_list_of_one(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]


def clean(config: CleanConfig) -> Run:
    """Clean the sources, split them into sentences, drop duplicates; leave document shards."""
    check_first(config, check)
    run = Run.start(config, config.fingerprint())
    if run.finished:
        return run
    began = monotonic()
    num_bytes = _num_bytes(config)
    work = _work(config)
    clean_bytes = sum(reader.num_clean_bytes() for reader in config.sources)
    begin_server(work, clean_bytes, config.processes, config.engine)
    need_space(config.output, clean_bytes, "The cleaned documents")
    run.keep_metrics([])

    rules = work.filtering.rules
    tally = Tally(
        run.folder / "met",
        len(config.sources),
        config.cleaning.min_characters_per_document,
        config.max_documents,
        config.seed,
        config.duplicates == "paragraphs",
        rules.max_documents_per_line,
    )
    with (
        Meter("clean", num_bytes, "bytes" if num_bytes else "characters") as meter,
        DocumentWriter(run.folder, config.shard_characters) as writer,
        tally,
    ):
        batches = _read(config, meter if num_bytes else None)
        alone = START_SECONDS if clean_bytes > LARGE_BYTES else SECONDS_ALONE
        done = ordered_map(work, batches, config.processes, False, config.engine, alone, "server")
        for batch in done:
            for sentences, characters in tally.kept(batch):
                writer.add(sentences, characters)
            meter.advance(0 if num_bytes else batch.characters_read, f"{tally.num_kept:,} documents kept")
            if tally.full:
                break

    tally.require_documents()
    results = tally.results()
    results.rules = rules.told()
    results.passed_over = dict(sum((reader.passed_over() for reader in config.sources), Counter()))
    if encodings := sum((reader.encodings() for reader in config.sources), Counter[str]()):
        results.encodings = dict(encodings)
    if passed_over := results.passed_over:
        listed = ", ".join(f"{number:,} {name or 'without an ending'}" for name, number in sorted(passed_over.items()))
        say(f"Files passed over in the folders, for they are of no kind that is read: {listed}.")
    results.shards, results.seconds = writer.num_shards, round(monotonic() - began, 2)
    run.results = results.written()
    return run.finish()


def check(config: CleanConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: sources that cannot be read, columns that are not there, a disk too small."""
    yield from tried(require, config.engine)
    yield from tried(_work(config).filtering.require)
    if config.near_duplicates.threshold:
        yield from tried(require_extra, "dedup")
    for number, reader in enumerate(config.sources):
        yield from tried(_look, config, number, reader)


def outlook(config: CleanConfig, ahead: Ahead) -> str:
    """Return how much there is to read, as stored."""
    num_bytes = _num_bytes(config)
    return f"{num_bytes / 1e6:,.1f} MB to read" if num_bytes else ""


def _look(config: CleanConfig, number: int, reader: Reader) -> None:
    """Read and clean the first rows."""
    work = _work(config)
    for batch in raw_batches(number, iter(reader.first_rows(ROWS_LOOKED_AT)), config.text_columns):
        work(batch)


def _work(config: CleanConfig) -> BatchCleaner:
    filtering = Filtering(config.filters.resolved(config.language), config.language)
    return BatchCleaner(
        config.cleaning, config.language, config.splitter, filtering, config.duplicates, config.near_duplicates
    )


def _num_bytes(config: CleanConfig) -> int | None:
    sizes = [reader.num_bytes() for reader in config.sources]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _read(config: CleanConfig, meter: Meter | None) -> Iterator[RawBatch]:
    for number, reader in enumerate(config.sources):
        yield from raw_batches(number, reader.rows(meter.advance if meter else ignore_progress), config.text_columns)
