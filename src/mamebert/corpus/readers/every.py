"""Some of the rows of another reader, by their numbers: every second one, say, so that the others stay unread."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.errors import unknown
from mamebert.runs import Source

LOOKED_AT = 64
"""Rows that are gone through for each that is looked at, where a column tells how many belong together."""


class Every(Reader):
    """Every n-th row of another source: two of them, with another `first`, have no row in common.

    So a set can be parted where it has no parts: text to be read without labels, and rows to learn from and be tested
    on. Rows are counted as they stand, so that translations of a file, row by row, are parted in the same places.
    """

    newer: ClassVar[tuple[str, ...]] = ("together", "same")

    of: Any
    """Where the rows are: a path, or a table with a `kind`."""
    step: int = Field(default=2, ge=2)
    """One of so many rows is read."""
    first: int = Field(default=0, ge=0)
    """The number of the first row that is read, counted from 0; less than `step`."""
    together: int = Field(default=1, ge=1)
    """So many rows in a row count as one and are never parted: the three hypotheses of a premise in XNLI."""
    same: str = ""
    """A column: rows in a row with the same value there count as one, as many as they are: the title of an article."""

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

    @model_validator(mode="after")
    def _one_thing_keeps_rows_together(self) -> Self:
        if self.same and self.together > 1:
            raise ValueError("Both together and same say which rows stay together. Leave one of them out.")
        return self

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the rows in their order."""
        return self._chosen(self._of.rows(told))

    def fingerprint(self) -> list[Source]:
        """Return the text behind all rows."""
        return self._of.fingerprint()

    def first_rows(self, most: int) -> list[Row]:
        """Return the first of the rows that are read, as far as they stand near the beginning."""
        gone_through = most * self.step * (LOOKED_AT if self.same else self.together)
        return list(islice(self._chosen(self._of.first_rows(gone_through)), most))

    def _chosen(self, rows: Iterable[Row]) -> Iterator[Row]:
        for number, row in self._numbered(rows):
            if number % self.step == self.first:
                yield row

    def _numbered(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """Yield each row with the number of those it counts as one with."""
        if not self.same:
            yield from ((place // self.together, row) for place, row in enumerate(rows))
            return
        number, before = -1, object()
        for row in rows:
            if self.same not in row:
                raise unknown("column", self.same, map(str, row))
            if row[self.same] != before:
                number, before = number + 1, row[self.same]
            yield number, row

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
