"""Settings of another file looked at beside this one: what plainly does not fit is left to be found anew, or refused.

Only regular files are looked at, for a pipe cannot be read twice, and only their first bytes.
"""

import codecs
import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mamebert.config import build
from mamebert.corpus.formats.first_bytes import encoding_by_mark, other_encodings
from mamebert.corpus.formats.opening import first_bytes, open_text
from mamebert.corpus.formats.separators import begun, found_in, refuse_wrong
from mamebert.corpus.formats.tables import CSV, TSV
from mamebert.corpus.formats.text_lines import bounded_lines
from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError

TABLES: dict[str, dict[str, Any]] = {"csv": CSV, "tsv": TSV}


def fit_encoding(path: Path, kept: dict[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Drop an encoding where the first bytes are UTF-8 or have the mark of a Unicode form; return what to tell.

    Text in another encoding is hardly ever valid UTF-8. Other encodings are not told from each other: what cannot be
    decoded, or reads better in another one, is refused where it is read, and nothing that may be text is replaced.
    """
    encoding = {**kept, **given}.get("encoding", "utf-8")
    first = first_bytes(path) if {"encoding", "errors"} & kept.keys() and kept.get("format") != "parquet" else b""
    if not first:
        return []
    marked = first.startswith(codecs.BOM_UTF8) or encoding_by_mark(first, "utf-8") != "utf-8-sig"
    is_wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    is_escaped = b"\x1b" in first  # ISO-2022 is ASCII with escapes
    is_utf8 = _first_bad(first, "utf-8") is None and b"\0" not in first and (is_wide or not first.isascii())
    if "encoding" in kept and (marked or (is_utf8 and not is_escaped)):
        del kept["encoding"]
        return [f"{path} is in UTF-8 or has the mark of another Unicode form, and is not read as {encoding}."]
    place = _first_bad(first, encoding)
    if kept.get("errors") == "replace" and place is not None and not marked and other_encodings(first, place, encoding):
        del kept["errors"]
    return []


def fit_table(path: Path, kept: dict[str, Any], given: Mapping[str, Any], columns: Sequence[str]) -> None:
    """Drop the separator where it parts nothing, and names of columns where the first line has names itself.

    A table without names and with another number of columns is a UserError.
    """
    settings = {**kept, **given}
    dialect = TABLES.get(settings.get("format") or "")
    if dialect is None or not {"separator", "header"} & kept.keys():
        return
    with open_text(path, settings.get("encoding", "utf-8"), settings.get("errors", "strict"), newline="") as (file, _):
        told, first, _ = begun(line for _, line in bounded_lines(file, path))
    if "separator" in kept:
        try:
            refuse_wrong(path, first, kept["separator"], **dialect)
        except UserError:
            del kept["separator"]
    if "header" not in kept:
        return
    separator = {**kept, **given}.get("separator") or told or ("\t" if dialect is TSV else found_in(first, **dialect))
    names: list[str] = []
    with suppress(csv.Error):
        names = next(filter(None, csv.reader(first, delimiter=separator, **dialect)), [])
    there, header = {name.strip() for name in names}, kept["header"]
    if there == set(header) or (columns and {_source(name, settings) for name in columns} <= there):
        del kept["header"]
    elif names and len(names) < len(header):
        raise UserError(
            f"{path} has {len(names)} columns and no line of names, and the training rows of the model had "
            f"{len(header)} ({', '.join(header)}). Name those of this file in the setting header: "
            f"header={list(columns)[: len(names)] or ['text']}."
        )


def fit_columns(path: Path, kept: dict[str, Any], given: Mapping[str, Any], columns: Sequence[str]) -> None:
    """Drop names for columns where a file has none of what they stand for, unless nothing else can be what is read."""
    if not {"columns", "text_column"} & kept.keys():
        return
    settings = {"kind": "files", "path": str(path), **kept, **given}
    plain = {name: value for name, value in settings.items() if name not in ("columns", "text_column")}
    rows: list[Row] = build(Reader, plain).first_rows(1)  # type: ignore[type-abstract]  # `kind` makes it concrete
    if not rows:
        return
    row = rows[0]

    def is_wanted(name: str, source: str) -> bool:
        return source in row or source.partition(".")[0] in row or (name in columns and name not in row)

    if "columns" in kept:
        kept["columns"] = {name: source for name, source in kept["columns"].items() if is_wanted(name, source)}
    if "text_column" in kept and not is_wanted("text", kept["text_column"]):
        del kept["text_column"]


def _source(name: str, settings: Mapping[str, Any]) -> str:
    """Return the column of the file that a column of the rows is made of."""
    found = {"text": settings.get("text_column", "text"), **(settings.get("columns") or {})}
    return str(found.get(name, name))


def _first_bad(first: bytes, encoding: str) -> int | None:
    """Return where the first bytes of a file cannot be decoded; a character that is cut at their end can be."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(first)
    except UnicodeDecodeError as error:
        return error.start
    except UnicodeError:  # UTF-16 without its mark, say
        return 0
    return None
