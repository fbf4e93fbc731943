"""Rows to be answered, from a file or from standard input, one after the other."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mamebert.config import build, merge, parse_pair, with_environment
from mamebert.corpus.formats.opening import content_suffix, open_text
from mamebert.corpus.formats.separators import SEPARATORS
from mamebert.corpus.formats.text_lines import bounded_lines
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.corpus.readers import Reader, Row, kind_of
from mamebert.errors import UserError
from mamebert.progress import say

STDIN = Path("-")
MAX_LINE_BYTES = 16_000_000


def rows_of(
    path: Path,
    settings: Mapping[str, Any],
    columns: Sequence[str] = (),
    kept: Kept = Kept(),  # noqa: B008  # frozen
) -> Iterator[Row | str]:
    """Yield a row, or a text for each line of a `.txt` file or of standard input ("-").

    `settings` are those of a reader, as `source` has them in a settings file: `kind`, `encoding`, `columns` ... Where
    they and the file's ending leave open how it is read, it is read as the training rows were, which `kept` tells.
    A first line that is no text but names `columns` of the task is a UserError: it heads a table.
    """
    if path == STDIN:
        return _without_header(_of_stdin(settings), "standard input", columns)
    settings, told = kept.completed(path, settings, columns)
    for sentence in told:
        say(sentence)
    kind = settings.get("kind") or kind_of(path)
    asks_for_rows = "kind" in settings or "format" in settings
    if content_suffix(path) == ".txt" and not asks_for_rows:
        return _without_header(_lines(path, settings), str(path), columns)
    rows: Iterator[Row] = _reader(kind, path, settings).rows()
    return rows


def reader_settings(pairs: list[str]) -> dict[str, Any]:
    """Return `key=value` pairs as settings of a reader."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        if "=" not in pair:
            raise UserError(f"{pair!r} is no setting of a reader. Write --reader KEY=VALUE, such as encoding=cp932.")
        merge(settings, parse_pair(pair), one_saying=True)
    return dict(with_environment(settings))


def _without_header(items: Iterator[Row | str], name: str, columns: Sequence[str]) -> Iterator[Row | str]:
    for number, item in enumerate(items):
        if number == 0 and isinstance(item, str) and (format_ := _table_begun(item, columns)):
            way_out = f"Give it with --reader format={format_}."
            if name == "standard input" and format_ != "jsonl":
                way_out = f"Give it as a file, with --reader format={format_}."
            raise UserError(
                f"{name} would be read as a text for each line, and its first line names {', '.join(columns)}, "
                f"the columns that this model reads. {way_out}"
            )
        yield item


def _table_begun(line: str, columns: Sequence[str]) -> str:
    """Return the format of a table or of JSON lines whose first line this is; "" for a text."""
    if not columns:
        return ""
    try:
        row = json.loads(line) if line.lstrip("\ufeff").startswith("{") else None
    except (ValueError, RecursionError):
        row = None
    if isinstance(row, dict):
        return "jsonl" if set(columns) <= row.keys() else ""
    for separator in SEPARATORS:
        names = [name.strip().strip('"').strip() for name in line.lstrip("\ufeff").split(separator)]
        if len(names) > 1 and set(columns) <= set(names):
            return "tsv" if separator == "\t" else "csv"
    return ""


def _lines(path: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    files = _reader("files", path, settings)
    with open_text(path, files.encoding, files.errors) as (file, _):
        for _, line in bounded_lines(file, path):
            yield line.rstrip("\n")


def _reader(kind: str, path: Path, settings: Mapping[str, Any]) -> Any:
    return build(Reader.find(kind), {"path": str(path), **settings, "kind": kind})


def _of_stdin(settings: Mapping[str, Any]) -> Iterator[Row | str]:
    if settings not in ({}, {"format": "txt"}, {"format": "jsonl"}):
        raise UserError(
            "Standard input is read as UTF-8, a text per line, or with --reader format=jsonl a JSON object per line. "
            "Give anything else as a file."
        )
    if sys.stdin is None:
        raise UserError("Standard input is closed. Give a file.")
    as_json = settings.get("format") == "jsonl"
    for number, line in enumerate(_decoded(sys.stdin.buffer), start=1):
        if not as_json:
            yield line
        elif line.strip():
            yield _object(line, number)


def _decoded(stream: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES), b""), start=1):
        if len(line) == MAX_LINE_BYTES:
            raise UserError(
                f"Line {number} of standard input is longer than {MAX_LINE_BYTES:,} bytes. Give a text per line."
            )
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UserError(
                f"Line {number} of standard input is not UTF-8 ({error.reason} at byte {error.start} of the line). "
                "Convert it first, or give a file with --reader encoding=NAME."
            ) from error


def _object(line: str, number: int) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise UserError(f"Line {number} of standard input is no JSON object. Give one per line, or leave format out.")
    return row
