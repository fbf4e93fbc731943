"""Some of the rows of another reader, by their numbers: every second one, say, so that the others stay unread."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.runs import Source


class Every(Reader):
    """Every n-th row of another source: two of them, with another `first`, have no row in common.

    So a set can be parted where it has no parts: text to be read without labels, and rows to learn from and be tested
    on.
    """

    of: Any
    """Where the rows are: a path, or a table with a `kind`."""
    step: int = Field(default=2, ge=2)
    """One of so many rows is read."""
    first: int = Field(default=0, ge=0)
    """The number of the first row that is read, counted from 0; less than `step`."""

    @field_validator("of")
    @classmethod
    def _where_the_rows_are(cls, value: Any) -> Reader:
        # Not by its type: whoever lists the settings of all readers would find this one, and all readers, in it again.
        return Reader.model_validate(value)

    @property
    def _of(self) -> Reader:
        reader: Reader = self.of
        return reader

    @model_validator(mode="after")
    def _the_first_is_within_a_step(self) -> Self:
        if self.first >= self.step:
            raise ValueError(f"first {self.first} is beyond the step {self.step}. Give 0 to {self.step - 1}.")
        return self

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the rows in their order."""
        return islice(self._of.rows(told), self.first, None, self.step)

    def fingerprint(self) -> list[Source]:
        """Return the text behind all rows."""
        return self._of.fingerprint()

    def first_rows(self, most: int) -> list[Row]:
        """Return the first of the rows that are read."""
        return self._of.first_rows(most * self.step)[self.first :: self.step]

    def num_bytes(self) -> int | None:
        """Return the size of all that is gone through."""
        return self._of.num_bytes()

    def passed_over(self) -> Counter[str]:
        """Count the files that are not read at all."""
        return self._of.passed_over()

    def encodings(self) -> Counter[str]:
        """Count the encodings that were found in the files, where that was asked for."""
        return self._of.encodings()

    def num_clean_bytes(self) -> int:
        """Return about how many bytes the cleaned documents will take on disk; 0 when nobody knows."""
        return self._of.num_clean_bytes() // self.step
