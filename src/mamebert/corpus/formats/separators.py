"""The separator of a table: found in its first lines, or compared with the settings."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from mamebert.errors import UserError

SEPARATORS = (",", ";", "\t", "|")
"""Those that are looked for; of equals the first is taken."""
NAMES = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}
LINES_LOOKED_AT, CHARACTERS_LOOKED_AT = 200, 1_000_000  # a record may go over several lines
TOLD_BY_EXCEL = re.compile("sep=(.)[\r\n]*")


def begun(lines: Iterator[str]) -> tuple[str, list[str], Iterator[str]]:
    """Return the separator that the first line tells ("sep=;", as Excel writes it), the first lines, and all lines."""
    first: list[str] = []
    while len(first) < LINES_LOOKED_AT and sum(map(len, first)) < CHARACTERS_LOOKED_AT and (line := next(lines, "")):
        first.append(line)
    told = TOLD_BY_EXCEL.fullmatch(first[0]) if first else None
    if told:
        first[0] = "\n"  # still a line, so that lines are counted as editors do
    return told[1] if told else "", first, chain(first, lines)


def found_in(lines: Sequence[str], num_columns: int = 0, **dialect: Any) -> str:
    """Return what separates the columns in the first lines of a table: the comma unless another one fits better.

    `num_columns` is known where the settings name the columns. What fits is judged by the number of columns of the
    first record, and by whether the second has as many.
    """
    return max(SEPARATORS, key=lambda each: _fit(lines, each, num_columns, dialect))


def refuse_wrong(path: Path, lines: Sequence[str], separator: str, **dialect: Any) -> None:
    """Raise a UserError where a table has one column by its separator and several by another one."""
    other = found_in(lines, **dialect)
    several = _counts(lines, other, dialect)[0]
    if _counts(lines, separator, dialect)[0] == 1 < several:
        raise UserError(
            f"{path} has only one column with the separator {shown(separator)}, and {several} with {shown(other)}. "
            f"Set separator = {shown(other)} for it."
        )


def shown(separator: str) -> str:
    """Return a separator as a setting may have it: "tab", or the character in quotation marks."""
    return '"tab"' if separator == "\t" else f'"{separator}"'


def _fit(lines: Sequence[str], separator: str, num_columns: int, dialect: dict[str, Any]) -> tuple[bool, bool, int]:
    first, second = _counts(lines, separator, dialect)
    return first == num_columns, 1 < first == second, first


def _counts(lines: Sequence[str], separator: str, dialect: dict[str, Any]) -> tuple[int, int]:
    """Return how many fields the first two records have; 0 for those that are not there."""
    counts = []
    try:
        for record in csv.reader(lines, delimiter=separator, **dialect):
            counts += [len(record)] if record else []
            if len(counts) == 2:
                break
    except csv.Error:
        pass
    return counts[0] if counts else 0, counts[1] if len(counts) > 1 else 0
