"""Labelled rows: which columns are read, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mamebert.corpus.readers import Reader
from mamebert.errors import UserError, unknown


@dataclass(frozen=True)
class Labelled:
    """Texts and their labels, row by row."""

    texts: list[str]
    labels: list[str]
    num_empty: int
    """Rows left out because text or label was empty."""

    def sample(self, num_rows: int, seed: int) -> "Labelled":
        """Return `num_rows` rows drawn at random, in their old order; all of them where 0 or too many are asked for."""
        if not 0 < num_rows < len(self.texts):
            return self
        drawn = np.sort(np.random.default_rng(seed).permutation(len(self.texts))[:num_rows]).tolist()
        return Labelled([self.texts[i] for i in drawn], [self.labels[i] for i in drawn], self.num_empty)


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
