"""Documents on their way through cleaning: read in batches, cleaned batch by batch in any process."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from mamebert.corpus.cleaning import Cleaning
from mamebert.corpus.duplicates import digest
from mamebert.corpus.readers import Row
from mamebert.corpus.sentences import Splitter
from mamebert.errors import UserError, unknown

Duplicates = Literal["documents", "paragraphs", "none"]
# What may occur twice: a digest (empty where nobody asks) and the sentences it stands for.
Unit = tuple[bytes, list[str]]

# Large enough that handing a batch to another process costs little beside cleaning it (0.1 s).
BATCH_CHARACTERS = 500_000


@dataclass
class RawBatch:
    """Some documents of one source, as they were read."""

    source: int
    texts: list[str] = field(default_factory=list)
    characters: int = 0


@dataclass
class CleanBatch:
    """The same documents cleaned: each a list of units that may be duplicates."""

    source: int
    characters_read: int
    documents: list[list[Unit]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def raw_batches(source: int, rows: Iterator[Row], text_columns: list[str]) -> Iterator[RawBatch]:
    """Yield the texts of `rows` in batches; a row without one of `text_columns` is a UserError."""
    batch = RawBatch(source)
    for row in rows:
        text = _text(row, text_columns)
        batch.texts.append(text)
        batch.characters += len(text)
        if batch.characters >= BATCH_CHARACTERS:
            yield batch
            batch = RawBatch(source)
    if batch.texts:
        yield batch


def clean_batch(
    cleaning: Cleaning, language: str, splitter: Splitter, duplicates: Duplicates, batch: RawBatch
) -> CleanBatch:
    """Clean and split every document of a batch; the result depends on nothing else."""
    clean = CleanBatch(batch.source, batch.characters)
    for text in batch.texts:
        paragraphs = cleaning.paragraphs(text)
        split = [cleaning.sentences(each, language, splitter, clean.dropped) for each in paragraphs]
        if duplicates == "paragraphs":
            clean.documents.append([(digest(p), sentences) for p, sentences in zip(paragraphs, split, strict=True)])
        else:
            name = digest("\n".join(paragraphs)) if duplicates == "documents" else b""
            clean.documents.append([(name, [sentence for sentences in split for sentence in sentences])])
    return clean


def _text(row: Row, columns: list[str]) -> str:
    parts = []
    for column in columns:
        if column not in row:
            raise UserError(f"{unknown('column', column, row)} Name the columns that hold text in text_columns.")
        value = row[column]
        if isinstance(value, list | dict):
            raise UserError(
                f"The column {column!r} holds {type(value).__name__}s and no text. Name other columns in text_columns."
            )
        if value is not None:
            parts.append(str(value))
    return "\n".join(parts)
