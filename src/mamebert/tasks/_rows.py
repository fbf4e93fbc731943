"""Labelled rows: which columns are read, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mamebert.corpus.readers import Reader
from mamebert.errors import UserError, unknown


@dataclass(frozen=True)
class Labelled:
    """Texts and their labels, row by row."""

    texts: list[str]
    labels: list[str]
    num_empty: int
    """Rows left out because text or label was empty."""


def read_labelled(source: Reader, columns: Sequence[str], label_column: str) -> Labelled:
    """Read the text columns (joined by a line end) and the label of every row."""
    texts, labels, num_empty = [], [], 0
    for row in source.rows():
        for name in (*columns, label_column):
            if name not in row:
                raise unknown("column", name, map(str, row))
        text = "\n".join(str(row[name]) for name in columns if row[name])
        label = "" if row[label_column] is None else str(row[label_column])
        if text.strip() and label:
            texts.append(text)
            labels.append(label)
        else:
            num_empty += 1
    if not texts:
        raise UserError("There are no labelled rows. Check the path, and that text and label columns are filled.")
    return Labelled(texts, labels, num_empty)
