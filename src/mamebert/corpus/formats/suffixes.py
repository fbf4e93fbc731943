"""The meaning of a file's suffix: a reader that turns its bytes into rows."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mamebert.corpus.formats.json_arrays import begins_array, objects_of_array
from mamebert.corpus.formats.json_texts import objects_by_line
from mamebert.corpus.formats.opening import Errors, Hear, content_suffix, open_text, packing
from mamebert.corpus.formats.tables import CSV, TSV, ExtraColumns, read_table
from mamebert.corpus.formats.text_lines import tidy
from mamebert.corpus.readers import Row
from mamebert.errors import UserError

# A text file without an empty line is a stream, not a document: it is handed on in parts.
MAX_DOCUMENT_CHARACTERS = 1_000_000
WIKI_DOCUMENT = re.compile(r'<doc id="[^"]*"(?: [a-z]+="[^"]*")* ?>')


@dataclass(frozen=True)
class Writing:
    """How a file was written, as far as its suffix does not tell."""

    encoding: str = "utf-8"
    errors: Errors = "strict"
    header: tuple[str, ...] = ()
    """The names of a table's columns where its first line is a row already."""
    extra_columns: ExtraColumns = "refuse"
    separator: str = ""
    """What stands between the columns of a table; "" is a tab in .tsv files, and found in the first lines of others."""


Format = Callable[[Path, Writing, Hear], Iterator[Row]]


def format_of(path: Path) -> Format | None:
    """Return the function that reads a file, found by its suffix; None for an unknown suffix."""
    found = FORMATS.get(content_suffix(path))
    return None if found is read_parquet and packing(path) else found


def read_txt(path: Path, writing: Writing, hear: Hear) -> Iterator[Row]:
    """Yield a row per document: lines up to an empty line, or what WikiExtractor has put between `<doc>` lines."""
    with open_text(path, writing.encoding, writing.errors) as (file, position):
        lines: list[str] = []
        size, inside = 0, False
        # A longer line is handed on in pieces of this size.
        while line := file.readline(MAX_DOCUMENT_CHARACTERS):
            mark = line[:2000].strip() if line.startswith("<") else ""
            begins, ends = bool(WIKI_DOCUMENT.fullmatch(mark)), inside and mark == "</doc>"
            inside = begins or (inside and not ends)
            parts = begins or ends or (line.isspace() and not inside)
            if not (line.isspace() or begins or ends):
                lines.append(line)
                size += len(line)
            if lines and (parts or size >= MAX_DOCUMENT_CHARACTERS):
                yield {"text": tidy("".join(lines).rstrip("\n"))}
                hear(position())
                lines, size = [], 0
        if lines:
            yield {"text": tidy("".join(lines).rstrip("\n"))}


def read_jsonl(path: Path, writing: Writing, hear: Hear) -> Iterator[Row]:
    """Yield a row per line, each a JSON object."""
    return objects_by_line(path, writing.encoding, writing.errors, hear)


def read_json(path: Path, writing: Writing, hear: Hear) -> Iterator[Row]:
    """Yield the objects of one array, or an object per line: the file's first character tells."""
    if begins_array(path, writing.encoding, writing.errors):
        return objects_of_array(path, writing.encoding, writing.errors, hear)
    return read_jsonl(path, writing, hear)


def read_csv(path: Path, writing: Writing, hear: Hear) -> Iterator[Row]:
    """Yield a row per record; the first line names the columns, unless `header` does."""
    return _read_table(path, writing, hear, CSV, writing.separator)


def read_tsv(path: Path, writing: Writing, hear: Hear) -> Iterator[Row]:
    """Yield a row per line, as `read_csv` does. Quotation marks are ordinary characters."""
    return _read_table(path, writing, hear, TSV, writing.separator or "\t")


def _read_table(path: Path, writing: Writing, hear: Hear, dialect: dict[str, Any], separator: str) -> Iterator[Row]:
    about = writing.header, writing.extra_columns
    return read_table(path, writing.encoding, writing.errors, hear, dialect, separator, *about)


def read_parquet(path: Path, writing: Writing, hear: Hear) -> Iterator[Row]:
    """Yield the rows, a thousand in memory at a time; Parquet is always UTF-8 and has its names inside."""
    try:
        size = path.stat().st_size
        with pq.ParquetFile(path) as file:
            done, rows = 0, file.metadata.num_rows
            for batch in file.iter_batches(batch_size=1024):
                yield from tidy(batch.to_pylist())
                done += batch.num_rows
                hear(size * done // max(rows, 1))
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} cannot be read as Parquet ({error}). Get the file again.") from error


FORMATS: dict[str, Format] = {
    ".txt": read_txt,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
}
