"""Tables of text: CSV and TSV, with a line of names or without."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from mamebert.corpus.formats.opening import Errors, Hear, open_text
from mamebert.corpus.formats.separators import begun, found_in, refuse_wrong
from mamebert.corpus.formats.text_lines import MAX_LINE_CHARACTERS, bounded_lines, tidy
from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.progress import say

ExtraColumns = Literal["refuse", "drop"]
CSV: dict[str, Any] = {}
TSV: dict[str, Any] = {"quoting": csv.QUOTE_NONE}


def read_table(
    path: Path,
    encoding: str,
    errors: Errors,
    hear: Hear,
    dialect: dict[str, Any],
    separator: str = "",
    header: Sequence[str] = (),
    extra_columns: ExtraColumns = "refuse",
) -> Iterator[Row]:
    """Yield a row per record; `header` names the columns of a file whose first line does not.

    Without a `separator` it is found in the first lines.
    """
    csv.field_size_limit(MAX_LINE_CHARACTERS)
    with open_text(path, encoding, errors, newline="") as (file, position):
        told, first, lines = begun(line for _, line in bounded_lines(file, path))
        separator = separator or told or found_in(first, len(header), **dialect)
        refuse_wrong(path, first, separator, **dialect)
        records = csv.reader(lines, strict=True, delimiter=separator, **dialect)
        cut = 0
        try:
            names = list(header) or _names(next(filter(None, records), []), path)
            for fields in records:
                if not fields:
                    continue
                _fit(fields, names)
                if len(fields) < len(names) or (len(fields) > len(names) and extra_columns == "refuse"):
                    raise UserError(_misfit(path, records.line_num, len(fields), len(names)))
                cut += len(fields) > len(names)
                yield {name: tidy(value) for name, value in zip(names, fields, strict=False)}
                hear(position())
        except csv.Error as error:
            raise UserError(
                f"{path}, line {records.line_num}, cannot be read as a table ({error}). Fix its quotation marks."
            ) from error
        if cut:
            say(f"{path}: {cut:,} lines have more than {len(names)} columns; the others were dropped.")


def _fit(fields: list[str], names: Sequence[str]) -> None:
    """Take away blank fields behind the last name, and add those that only columns without a name would have."""
    while len(fields) > len(names) and not fields[-1].strip():
        fields.pop()
    while len(fields) < len(names) and names[len(fields)] == unnamed(len(fields) + 1):
        fields.append("")


def unnamed(place: int) -> str:
    """Return what a column without a name is called."""
    return f"column {place}"


def _names(first: list[str], path: Path) -> list[str]:
    # Spreadsheets leave columns without a name, and pandas the first one: they are called by their places.
    names = [tidy(name).strip() or unnamed(place) for place, name in enumerate(first, start=1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(
            f"{path}, line 1, names two columns {twice!r}. Rename one of them; "
            "if the first line is a row and no header, give the names in the setting header."
        )
    return names


def _misfit(path: Path, line: int, fields: int, names: int) -> str:
    fact = f"{path}, line {line}, has {fields} fields and the header {names}."
    if fields > names > 0:
        return (
            f"{fact} Give every line the same number of fields (quote those that hold the delimiter), "
            'or drop those that have no name with extra_columns = "drop".'
        )
    return f"{fact} Give every line the same number of fields (quote those that hold the delimiter)."
