"""What the tasks share whose input is a text, or a pair of texts."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from mamebert.corpus.readers import Row
from mamebert.tasks import Task, text_of
from mamebert.tasks._features import FIRST, Features, Unusable
from mamebert.tokenizer.encoding import Tokenizer

Texts = tuple[str, ...]
"""One text, or the two of a pair."""


class TextTask(Task):
    """A text in, or a pair of texts."""

    text_columns: list[str] = Field(default=["text"], min_length=1)
    """Columns of the text; several are joined by a line end."""
    second_columns: list[str] = Field(default=[])
    """Columns of the second text where the task is about pairs; shown as [CLS] first [SEP] second [SEP]."""

    def columns(self) -> list[str]:
        """Return the columns of both texts."""
        return [*self.text_columns, *self.second_columns]

    def inputs(self, row: Row) -> Texts:
        """Return the text, or both."""
        texts = tuple(text_of(row, names) for names in (self.text_columns, self.second_columns) if names)
        if not all(text.strip() for text in texts):
            raise Unusable("no text" if len(texts) == 1 else "one of the two texts is empty")
        return texts

    def sequences(self, tokenizer: Tokenizer, inputs: Sequence[Texts]) -> list[Features]:
        """Return each input as one sequence cut to `max_length`, of which [CLS] is read."""
        sides = [tokenizer.encode_many(side) for side in zip(*inputs, strict=True)]
        return [
            one_sequence(tokenizer, [pieces.ids for pieces in both], self.max_length)
            for both in zip(*sides, strict=True)
        ]


def one_sequence(tokenizer: Tokenizer, texts: Sequence[np.ndarray], max_length: int) -> Features:
    """Return [CLS] first [SEP] (second [SEP]), of which [CLS] is read; the longer of two texts is cut first."""
    kept = _kept([len(ids) for ids in texts], max_length - 1 - len(texts))
    cut = sum(map(len, texts)) - sum(kept)
    parts = [np.append(ids[:size], tokenizer.sep_id) for ids, size in zip(texts, kept, strict=True)]
    segments = np.concatenate([[0], *(np.full(len(part), side) for side, part in enumerate(parts))])
    return Features([np.concatenate([[tokenizer.cls_id], *parts])], [FIRST], [segments], num_cut=cut)


def _kept(sizes: Sequence[int], room: int) -> list[int]:
    if len(sizes) == 1:
        return [min(sizes[0], room)]
    first, second = sizes
    half = room // 2
    if first + second <= room:
        return [first, second]
    if second <= half:
        return [room - second, second]
    if first <= room - half:
        return [first, room - first]
    return [room - half, half]
