"""What a file's suffix means: how its bytes become rows."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from mamebert.corpus.cleaning import SURROGATE
from mamebert.corpus.opening import Errors, content_suffix, open_text, packing
from mamebert.corpus.readers import Row
from mamebert.errors import UserError

Hear = Callable[[int], None]
Format = Callable[[Path, str, Errors, Hear], Iterator[Row]]

# A file without line ends (or a bomb) must not fill the memory.
MAX_LINE_CHARACTERS = 16_000_000
# A text file without an empty line is a stream, not a document: it is handed on in parts.
MAX_DOCUMENT_CHARACTERS = 1_000_000


def format_of(path: Path) -> Format | None:
    """Return the function that reads a file, found by its suffix; None for an unknown suffix."""
    found = FORMATS.get(content_suffix(path))
    return None if found is read_parquet and packing(path) else found


def read_txt(path: Path, encoding: str, errors: Errors, hear: Hear) -> Iterator[Row]:
    """Yield a row per document: lines up to an empty line."""
    with open_text(path, encoding, errors) as (file, position):
        lines: list[str] = []
        size = 0
        # A longer line is handed on in pieces of this size.
        while line := file.readline(MAX_DOCUMENT_CHARACTERS):
            if not line.isspace():
                lines.append(line)
                size += len(line)
            if lines and (line.isspace() or size >= MAX_DOCUMENT_CHARACTERS):
                yield {"text": _tidy("".join(lines).rstrip("\n"))}
                hear(position())
                lines, size = [], 0
        if lines:
            yield {"text": _tidy("".join(lines).rstrip("\n"))}


def read_jsonl(path: Path, encoding: str, errors: Errors, hear: Hear) -> Iterator[Row]:
    """Yield a row per line, each a JSON object."""
    with open_text(path, encoding, errors) as (file, position):
        for number, line in _bounded_lines(file, path):
            if line.isspace():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(
                    f"{path}, line {number}, is not JSON ({error}). A file holds one object per line."
                ) from error
            if not isinstance(row, dict):
                raise UserError(
                    f'{path}, line {number}, holds no JSON object. Write one object per line: {{"text": ...}}.'
                )
            yield {name: _tidy(value) for name, value in row.items()}
            hear(position())


def read_csv(path: Path, encoding: str, errors: Errors, hear: Hear) -> Iterator[Row]:
    """Yield a row per record; the first line names the columns."""
    yield from _read_table(path, encoding, errors, hear, delimiter=",")


def read_tsv(path: Path, encoding: str, errors: Errors, hear: Hear) -> Iterator[Row]:
    """Yield a row per line; the first line names the columns. Quotation marks are ordinary characters."""
    yield from _read_table(path, encoding, errors, hear, delimiter="\t", quoting=csv.QUOTE_NONE)


def read_parquet(path: Path, encoding: str, errors: Errors, hear: Hear) -> Iterator[Row]:
    """Yield the rows, a thousand in memory at a time; Parquet is always UTF-8."""
    try:
        size = path.stat().st_size
        with pq.ParquetFile(path) as file:
            done, rows = 0, file.metadata.num_rows
            for batch in file.iter_batches(batch_size=1024):
                yield from ({name: _tidy(value) for name, value in row.items()} for row in batch.to_pylist())
                done += batch.num_rows
                hear(size * done // max(rows, 1))
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} cannot be read as Parquet ({error}). Get the file again.") from error


FORMATS: dict[str, Format] = {
    ".txt": read_txt,
    ".jsonl": read_jsonl,
    ".json": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
}


def _read_table(path: Path, encoding: str, errors: Errors, hear: Hear, **dialect: Any) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE_CHARACTERS)
    with open_text(path, encoding, errors, newline="") as (file, position):
        lines = csv.reader((line for _, line in _bounded_lines(file, path)), strict=True, **dialect)
        try:
            header = next(lines, None)
            for fields in lines:
                if not fields:
                    continue
                if header is None or len(fields) != len(header):
                    raise UserError(
                        f"{path}, line {lines.line_num}, has {len(fields)} fields and the header {len(header or ())}. "
                        "Give every line the same number of fields (quote those that hold the delimiter)."
                    )
                yield {name: _tidy(value) for name, value in zip(header, fields, strict=True)}
                hear(position())
        except csv.Error as error:
            raise UserError(
                f"{path}, line {lines.line_num}, cannot be read as a table ({error}). Mend its quotation marks."
            ) from error


def _bounded_lines(file: TextIO, path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(MAX_LINE_CHARACTERS):
        number += 1
        if len(line) == MAX_LINE_CHARACTERS:
            raise UserError(
                f"{path}, line {number}, is longer than {MAX_LINE_CHARACTERS:,} characters. "
                "Is it the right kind of file?"
            )
        yield number, line


def _tidy(value: Any) -> Any:
    """Return text without NUL and lone surrogates, which no tokenizer and no UTF-8 file can take."""
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return value
    if "\0" in value:
        value = value.replace("\0", "")
    return SURROGATE.sub("�", value)
