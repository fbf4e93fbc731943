"""Texts of a file, some at a time."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from mamebert.corpus.opening import content_suffix, open_text
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError, unknown

AT_A_TIME = 1024


def texts_of(path: Path | None, columns: Sequence[str]) -> Iterator[list[str]]:
    """Yield lists of texts: the lines of a .txt file, else the columns joined as they were in training."""
    if path is None:
        raise UserError("There is nothing to predict. Give texts, or a file with --file.")
    texts = _lines(path) if content_suffix(path) == ".txt" else _rows(path, columns)
    while batch := list(islice(texts, AT_A_TIME)):
        yield batch


def _lines(path: Path) -> Iterator[str]:
    with open_text(path, "utf-8", "strict") as (file, _):
        yield from (line.rstrip("\n") for line in file)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[str]:
    for row in Reader.find("files")(path=str(path)).rows():
        for name in columns:
            if name not in row:
                raise unknown("column", name, map(str, row))
        yield "\n".join(str(row[name]) for name in columns if row[name])
