"""The base of tasks whose input is a text, or a pair of texts."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mamebert.corpus.readers import Row
from mamebert.tasks import Task, text_of
from mamebert.tasks.data.cells import given, is_missing, no_text, says_something
from mamebert.tasks.data.features import FIRST, Example, Features, Unusable
from mamebert.tokenizer.beginnings import Beginning, encode_beginnings
from mamebert.tokenizer.encoding import Tokenizer

Texts = tuple[str, ...]
"""One text, or the two of a pair."""


class TextTask(Task):
    """A text in, or a pair of texts."""

    foreign_settings: ClassVar[dict[str, Any]] = {"second_columns": ["second"], "second_is_optional": True}

    text_columns: list[str] = Field(default=["text"], min_length=1)
    """Columns of the text; several are joined by a line end."""
    second_columns: list[str] = Field(default=[])
    """Columns of the second text where the task is about pairs; shown as [CLS] first [SEP] second [SEP]."""
    second_is_optional: bool = False
    """Whether a row without the second text asks about the first alone, instead of being left out."""

    @property
    def reads_pairs(self) -> bool:  # type: ignore[override]  # of the other tasks it is known beforehand
        """Whether there is a second text."""
        return bool(self.second_columns)

    def columns(self) -> list[str]:
        """Return the columns of both texts."""
        return [*self.text_columns, *self.second_columns]

    def inputs(self, row: Row) -> Texts:
        """Return the text, or both."""
        sides = [self.text_columns]
        if self.second_columns and not (
            self.second_is_optional and all(is_missing(row.get(name)) for name in self.second_columns)
        ):
            sides.append(self.second_columns)
        texts = tuple(text_of(row, names) for names in sides)
        if not all(map(says_something, texts)):
            raise Unusable("no text" if len(texts) == 1 else "one of the two texts empty")
        return texts

    def has_sentence_pairs(self, examples: Sequence[Example]) -> bool:
        """Tell whether every example is a pair."""
        return all(len(example.inputs) > 1 for example in examples)

    def row_of(self, item: Any) -> Row:
        """Return a row as for any task; an item that is no text is a UserError in place of one."""
        if not isinstance(item, dict) and not all(isinstance(text, str | None) for text in given(item)):
            raise no_text(item)
        return super().row_of(item)

    def sequences(self, tokenizer: Tokenizer, inputs: Sequence[Texts]) -> list[Features]:
        """Return each input as one sequence cut to `max_length`, of which [CLS] is read."""
        every = [text for texts in inputs for text in texts]
        pieces = iter(encode_beginnings(tokenizer, every, self.max_length))
        return [one_sequence(tokenizer, [next(pieces) for _ in texts], self.max_length) for texts in inputs]


def one_sequence(tokenizer: Tokenizer, texts: Sequence[Beginning], max_length: int) -> Features:
    """Return [CLS] first [SEP] (second [SEP]), of which [CLS] is read; the longer of two texts is cut first."""
    ends = [*[tokenizer.between] * (len(texts) - 1), [tokenizer.sep_id]]  # a single text's answer waits for all this
    kept = kept_sizes([len(text.ids) for text in texts], max_length - 1 - sum(map(len, ends)))
    cut = sum(len(text.ids) + text.num_left_out for text in texts) - sum(kept)
    ids = np.empty(1 + sum(kept) + sum(map(len, ends)), np.int64)
    segments = np.zeros(len(ids), np.int64)
    ids[0], at = tokenizer.cls_id, 1
    for side, (text, size, end) in enumerate(zip(texts, kept, ends, strict=True)):
        behind = at + size + len(end)
        ids[at : at + size], ids[at + size : behind], segments[at:behind] = text.ids[:size], end, side
        at = behind
    return Features([ids], [FIRST], [segments], num_truncated=cut)


def kept_sizes(sizes: Sequence[int], room: int) -> list[int]:
    """Return how many pieces of one or two texts are kept: of two, the longer loses its last until both fit.

    Where both are cut and the room is odd, the first keeps one piece more, as in BERT's own code and in transformers'
    tokenizers that are written in Python; those written in Rust give it to the second unless the first was longer.
    """
    if len(sizes) == 1:
        return [min(sizes[0], room)]
    first, second = sizes
    kept_first = min(first, max(room - second, room - room // 2))
    return [kept_first, min(second, room - kept_first)]
