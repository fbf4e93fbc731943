"""The base of tasks that answer something to each word of a sentence."""

from collections.abc import Sequence
from typing import Any

from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.tasks import Task, no_column, text_of, value_of
from mamebert.tasks.data.cells import as_label, given, is_missing, items_of, says_something, text_cell
from mamebert.tasks.data.features import Unusable
from mamebert.tasks.data.words import Sentence, words_found, words_given
from mamebert.tokenizer.encoding import Tokenizer

Asked = tuple[str, ...] | str
"""Words, or a text in which they are to be found."""


class WordTask(Task):
    """A sentence in, something for each of its words out."""

    words_column: str = "words"
    """The column with the words of a sentence, a list or a text with spaces between them."""
    text_column: str = "text"
    """The column with the text of a row that has no words: they are found in it, and answers tell where they lie."""

    def columns(self) -> list[str]:
        """Return the column of the words."""
        return [self.words_column]

    def example(self) -> dict[str, Any]:
        """Return a row of two words."""
        return {self.words_column: ["…", "…"]}

    def row_of(self, item: Any) -> Row:
        """Return a row from what a caller gives: a row, a bare text, or the words of one sentence."""
        if isinstance(item, dict):
            return item
        values = given(item)
        return {self.words_column: values} if isinstance(item, list | tuple) else {self.text_column: values[0]}

    def inputs(self, row: Row) -> Asked:
        """Return the words; the text where there are none."""
        if self.words_column not in row and self.text_column in row:
            return self.text_in(row)
        words = listed(row, self.words_column)
        if not any(map(says_something, words)):
            raise Unusable("no words")
        return words

    def text_in(self, row: Row) -> str:
        """Return the text of a row."""
        text = text_of(row, [self.text_column])
        if not says_something(text):
            raise Unusable("no text")
        return text

    def by_word(self, row: Row, column: str, inputs: Asked) -> tuple[str, ...]:
        """Return a column that has a value for each word; another number of values is a UserError."""
        if isinstance(inputs, str):
            raise no_column(self.words_column, row)
        values = tuple(map(as_label, listed(row, column)))
        if not all(values):
            raise Unusable(f"an empty item among the {column}")
        if not values:
            raise Unusable(f"no {column}")
        if len(values) != len(inputs):
            raise UserError(
                f"The sentence that begins {' '.join(inputs[:5])!r} has {len(inputs)} words and {len(values)} {column}."
                f" Give one of the {column} for each word."
            )
        return values

    def sentences(self, tokenizer: Tokenizer, asked: Sequence[Asked]) -> list[Sentence]:
        """Return the words of each sentence as pieces."""
        given = iter(words_given(tokenizer, [each for each in asked if not isinstance(each, str)]))
        found = iter(words_found(tokenizer, [each for each in asked if isinstance(each, str)]))
        return [next(found if isinstance(each, str) else given) for each in asked]


def listed(row: Row, column: str) -> tuple[str, ...]:
    """Return the values of a list (or a text that spells one), or of a text with spaces between them.

    A list with an empty item is `Unusable`, one with lists in it a UserError.
    """
    value = value_of(row, column)
    if is_missing(value):
        return ()
    items = items_of(value)
    if items is None:
        return tuple(text_cell(value, column).split())
    if any(item != "" and is_missing(item) for item in items):
        raise Unusable(f"an empty item among the {column}")
    return tuple(text_cell(item, column) for item in items)
