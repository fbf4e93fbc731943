"""What is to be answered: rows of a file or of standard input, one after the other."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mamebert.config import build, merge, parse_pair, with_environment
from mamebert.corpus.opening import content_suffix, open_text
from mamebert.corpus.readers import Reader, Row
from mamebert.corpus.text_lines import bounded_lines
from mamebert.errors import UserError

STDIN = Path("-")
MAX_LINE_BYTES = 16_000_000
KINDS = {".conllu": "conllu"}
"""Suffixes that tell the kind of reader; all others are for `files`."""


def rows_of(path: Path, settings: Mapping[str, Any]) -> Iterator[Row | str]:
    """Yield a row, or a text for each line of a `.txt` file or of standard input ("-").

    `settings` are those of a reader, as `source` has them in a settings file: `kind`, `encoding`, `columns` ...
    """
    if path == STDIN:
        return _of_stdin(settings)
    kind = settings.get("kind") or KINDS.get(content_suffix(path), "files")
    asks_for_rows = "kind" in settings or "format" in settings
    if content_suffix(path) == ".txt" and not asks_for_rows:
        return _lines(path, settings)
    rows: Iterator[Row] = _reader(kind, path, settings).rows()
    return rows


def reader_settings(pairs: list[str]) -> dict[str, Any]:
    """Return `key=value` pairs as settings of a reader."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        if "=" not in pair:
            raise UserError(f"{pair!r} is no setting of a reader. Write --reader KEY=VALUE, such as encoding=cp932.")
        merge(settings, parse_pair(pair))
    return dict(with_environment(settings))


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
