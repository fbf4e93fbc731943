"""Documents on their way through cleaning: read in batches, cleaned batch by batch in any process."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mamebert.corpus.cleaning import Cleaning
from mamebert.corpus.dropped import Dropped
from mamebert.corpus.duplicates import digest
from mamebert.corpus.duplicates.near import NearDuplicates, Signature
from mamebert.corpus.filters.filtering import Filtering
from mamebert.corpus.readers import Row
from mamebert.corpus.sentences import Splitter
from mamebert.errors import UserError, unknown

Duplicates = Literal["documents", "paragraphs", "none"]

# Large enough that handing a batch to another process costs little beside cleaning it (0.1 s).
BATCH_CHARACTERS = 500_000


class Paragraph(NamedTuple):
    """The sentences of a line; of all lines where nobody asks for single ones."""

    digest: bytes
    """Names the text; empty where nobody asks."""
    sentences: list[str]


class Document(NamedTuple):
    """A cleaned document."""

    digest: bytes
    """Names the text, of which later ones may be duplicates; empty where nobody asks."""
    paragraphs: list[Paragraph]
    empty_because: str = ""
    """What to count where no sentence is left; "" where that was done."""
    signature: Signature | None = None
    """What near duplicates are found by; none where nobody asks."""


@dataclass
class RawBatch:
    """Some documents of one source, as they were read."""

    source: int
    texts: list[str] = field(default_factory=list)
    characters: int = 0
    dropped: Dropped = field(default_factory=Dropped)
    """Rows that hold no text at all."""


@dataclass
class CleanBatch:
    """The same documents cleaned."""

    source: int
    characters_read: int
    documents: list[Document] = field(default_factory=list)
    dropped: Dropped = field(default_factory=Dropped)


def raw_batches(source: int, rows: Iterator[Row], text_columns: list[str]) -> Iterator[RawBatch]:
    """Yield the texts of `rows` in batches; one of `text_columns` that no row holds text in is a UserError.

    A row that has none of them is counted and passed over, for large collections have some such rows.
    """
    batch = RawBatch(source)
    unmet, row = dict.fromkeys(text_columns), Row()
    for row in rows:
        cells = {column: row[column] for column in text_columns if _may_hold_text(row, column)}
        unmet = {column: None for column in unmet if column not in cells}
        if cells:
            text = "\n".join(str(cell) for cell in cells.values() if cell is not None)
            batch.texts.append(text)
            batch.characters += len(text)
        else:
            batch.dropped.note("rows_without_text")
        if batch.characters >= BATCH_CHARACTERS:
            yield batch
            batch = RawBatch(source)
    if row and unmet:
        raise _no_text_in(next(iter(unmet)), row)
    if batch.texts or batch.dropped.counts:
        yield batch


@dataclass(frozen=True)
class BatchCleaner:
    """Cleans the documents of a batch; the result depends on nothing else, so that any process may do it."""

    cleaning: Cleaning
    language: str
    splitter: Splitter
    filtering: Filtering
    duplicates: Duplicates
    near_duplicates: NearDuplicates

    def __call__(self, batch: RawBatch) -> CleanBatch:
        """Clean, split and filter every document of a batch."""
        clean = CleanBatch(batch.source, batch.characters, dropped=batch.dropped)
        clean.documents = [self._document(text, clean.dropped) for text in batch.texts]
        return clean

    def _document(self, text: str, dropped: Dropped) -> Document:
        lines = self.cleaning.paragraphs(text)
        split = [self.cleaning.sentences(line, self.language, self.splitter, dropped) for line in lines]
        kept = self.filtering.kept(split, dropped)
        if kept is None:
            return Document(b"", [])
        if not any(kept):
            return Document(b"", [], "documents_emptied" if any(split) else "documents_empty")
        if kept is not split:  # what is left names a text: copies with different menus around them are duplicates
            left = zip(lines, split, kept, strict=True)
            lines = [line if len(all_) == len(some) else " ".join(some) for line, all_, some in left]
        name = digest("\n".join(filter(None, lines))) if self.duplicates == "documents" else b""
        if self.duplicates == "paragraphs" or self.filtering.rules.max_documents_per_line:
            paragraphs = [Paragraph(digest(line), some) for line, some in zip(lines, kept, strict=True) if some]
        else:
            paragraphs = [Paragraph(b"", [sentence for sentences in kept for sentence in sentences])]
        signature = self.near_duplicates.signature("\n".join(lines), self.language)
        return Document(name, paragraphs, signature=signature)


def _may_hold_text(row: Row, column: str) -> bool:
    return column in row and not isinstance(row[column], list | dict)


def _no_text_in(column: str, row: Row) -> UserError:
    if column not in row:
        return UserError(f"{unknown('column', column, row)} Name the columns that hold text in text_columns.")
    held = type(row[column]).__name__
    return UserError(f"The column {column!r} holds {held}s and no text. Name other columns in text_columns.")
