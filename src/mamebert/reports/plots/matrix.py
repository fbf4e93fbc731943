"""A confusion matrix as plain SVG: right answers down, given ones across, shades by share of the row."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

from mamebert.reports.plots.labels import text_width
from mamebert.reports.readings.answers import Confusions
from mamebert.reports.text.blocks import Cell, Table
from mamebert.reports.text.number_format import GLUE, amount, count

WIDTH = 480
SIDE, HEAD, FOOT, RIGHT = 122, 96, 26, 38
"""Room for the names of rows, for those of columns (which lean over the right edge), and for a title."""
MOST_CELL, LEAST_HEIGHT = 74.0, 26.0
TWO_LINES_FROM = 30.0
TWO_LINES_HEIGHT = 34.0
DARKEST = 0.55
"""A shade on which the page's text colour is still read, in both themes."""
SHRUNK = 0.92
"""Letters of the numbers are so much smaller than the page's."""


class Field(NamedTuple):
    """One field of the matrix: its corner, its texts and how dark it is."""

    x: float
    y: float
    texts: list[str]
    """Count and share where both fit, else the share alone; nothing where no row is."""
    shade: float
    is_right: bool
    told: str
    """All of it in words."""


class Name(NamedTuple):
    """The name of a label beside its row or above its column."""

    x: float
    y: float
    text: str
    whole: str


@dataclass(frozen=True)
class Matrix:
    """Labels against labels."""

    kind: ClassVar[str] = "matrix"
    title: str
    found: Confusions
    y_title: str = "right label"
    x_title: str = "the model's label"

    @cached_property
    def cell(self) -> tuple[float, float]:
        """Return width and height of a field."""
        wide = min(MOST_CELL, (WIDTH - SIDE - RIGHT) / len(self.found.labels))
        least = TWO_LINES_HEIGHT if self.shows_counts else LEAST_HEIGHT
        return round(wide, 2), round(max(least, wide * 0.72), 2)

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the drawing."""
        return WIDTH, round(HEAD + self.cell[1] * len(self.found.labels) + FOOT, 1)

    @property
    def rows(self) -> list[Name]:
        """Return the names down the side."""
        high = self.cell[1]
        return [
            Name(SIDE - 8, round(HEAD + high * (i + 0.5) + 4.5, 1), shorten(label, SIDE - 10), label)
            for i, label in enumerate(self.found.labels)
        ]

    @property
    def columns(self) -> list[Name]:
        """Return the names over the columns, which are turned."""
        wide = self.cell[0]
        return [
            Name(round(SIDE + wide * (i + 0.5) + 3, 1), HEAD - 8, shorten(label, HEAD - 6), label)
            for i, label in enumerate(self.found.labels)
        ]

    @property
    def fields(self) -> Iterator[Field]:
        """Yield every field, row by row."""
        (wide, high), labels = self.cell, self.found.labels
        for i, right in enumerate(labels):
            for j, given in enumerate(labels):
                number, share = self.found.counts[i][j], self.found.share(i, j)
                yield Field(
                    round(SIDE + wide * j, 1),
                    round(HEAD + high * i, 1),
                    self._texts(number, share),
                    round(DARKEST * share**0.5, 3),
                    i == j,
                    f"{right} given {given}: {count(number)} ({whole_percent(share)} of its rows)",
                )

    @property
    def shows_counts(self) -> bool:
        """Tell whether a field has room for a count and its share."""
        wide = (WIDTH - SIDE - RIGHT) / len(self.found.labels)
        widest = max((text_width(amount(n)) * SHRUNK for row in self.found.counts for n in row), default=0)
        return wide >= TWO_LINES_FROM and widest <= wide - 2

    @property
    def description(self) -> str:
        """Return how many rows of each label are right, for those who do not see the drawing."""
        told = [
            f"{label} {count(self.found.counts[i][i])} of {count(sum(self.found.counts[i]))}"
            for i, label in enumerate(self.found.labels)
        ]
        return f"Given the right label: {'; '.join(told)}."

    @property
    def table(self) -> Table:
        """Return counts, with shares of their rows."""
        labels, counts = self.found.labels, self.found.counts
        rows = [
            [
                Cell(label),
                *(Cell(self._field(i, j), strong=i == j and counts[i][j] > 0) for j in range(len(labels))),
                Cell(count(sum(counts[i]))),
            ]
            for i, label in enumerate(labels)
        ]
        groups = [("", 1), (self.x_title, len(labels)), ("", 1)]
        return Table(self.title, [self.y_title.capitalize(), *labels, "Rows"], rows, groups)

    def _field(self, i: int, j: int) -> str:
        number = self.found.counts[i][j]
        return f"{count(number)} ({whole_percent(self.found.share(i, j))})" if number else "0"

    def _texts(self, number: int, share: float) -> list[str]:
        if not number:
            return []
        told = whole_percent(share).split(GLUE)[0]
        return [amount(number), f"{told}%"] if self.shows_counts else [told]


def whole_percent(share: float) -> str:
    """Return a share without decimals: 87 %; what is not all or nothing is never told as such."""
    if 0 < share < 0.005:
        return f"<1{GLUE}%"
    return f"{min(99, round(share * 100)) if share < 1 else 100}{GLUE}%"


def shorten(text: str, room: float) -> str:
    """Return as much of a text as fits, with … where something is left out."""
    if text_width(text) <= room:
        return text
    while text and text_width(f"{text}…") > room:
        text = text[:-1]
    return f"{text.rstrip()}…"
