"""Answers as a table: CSV or Parquet, made in bounded memory of lines of JSON, whose columns are known by then."""

import csv
import json
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from mamebert.errors import unknown

Format = Literal["jsonl", "csv", "tsv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
ROWS_AT_A_TIME = 4096


def format_of(out: Path | None, asked: str | None) -> Format:
    """Return the format that is asked for, or that the ending of a file tells; JSON lines where it tells none.

    One that there is not is a UserError.
    """
    if asked is not None and asked not in FORMATS:
        raise unknown("format", asked, FORMATS)
    told = asked or (out.suffix.lower().removeprefix(".") if out else "")
    return next((each for each in FORMATS if each == told), "jsonl")


def write_table(lines: Path, form: Format, to: BinaryIO) -> None:
    """Write a row for each line of a file of JSON objects; columns come in the order in which they are met.

    In CSV, lists and objects are JSON, and what a row does not have is empty. In Parquet a list is a list, and an
    object, or a column of several types, is JSON.
    """
    if form == "parquet":
        _write_parquet(lines, to)
    else:
        _write_separated(lines, "\t" if form == "tsv" else ",", to)


def _write_separated(lines: Path, separator: str, to: BinaryIO) -> None:
    columns = list(dict.fromkeys(name for row in _rows(lines) for name in row))
    text = TextIOWrapper(to, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    for row in _rows(lines):
        writer.writerow([_cell(row.get(name)) for name in columns])
    text.flush()
    text.detach()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write_parquet(lines: Path, to: BinaryIO) -> None:
    types: dict[str, pa.DataType] = {}
    for some in _row_groups(lines):
        for name in dict.fromkeys(name for row in some for name in row):
            types[name] = _common(types.get(name, pa.null()), _type([row.get(name) for row in some]))
    schema = pa.schema({name: pa.string() if pa.types.is_null(kind) else kind for name, kind in types.items()})
    with pq.ParquetWriter(to, schema) as writer:
        for some in _row_groups(lines):
            columns = (_array([row.get(each.name) for row in some], each.type) for each in schema)
            writer.write_batch(pa.record_batch(list(columns), schema=schema))


def _type(values: list[Any]) -> pa.DataType:
    try:
        kind = pa.infer_type(values)
    except (pa.ArrowException, OverflowError):
        return pa.string()
    return pa.string() if _holds_objects(kind) else kind


def _holds_objects(kind: pa.DataType) -> bool:
    # The names within an object may be as many as there are rows.
    return pa.types.is_struct(kind) or (pa.types.is_list(kind) and _holds_objects(kind.value_type))


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    fields = [pa.schema({"": kind}) for kind in (one, other)]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.string()


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        values = [None if value is None else _cell(value) for value in values]
    return pa.array(values, kind)


def _row_groups(lines: Path) -> Iterator[list[dict[str, Any]]]:
    rows = _rows(lines)
    return iter(lambda: list(islice(rows, ROWS_AT_A_TIME)), [])


def _rows(lines: Path) -> Iterator[dict[str, Any]]:
    with lines.open("rb") as file:
        for line in file:
            row = json.loads(line)
            # Half a character, which only an escape can write, is spelt out: no table can hold it.
            yield _whole(row) if b"\\ud" in line.lower() else row


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return {_whole(name): _whole(each) for name, each in value.items()} if isinstance(value, dict) else value
