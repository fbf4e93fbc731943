"""Texts in a plane as plain SVG: a dot for each, its text where the pointer rests, one scale for both axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

from mamebert.reports.plots.chart import Tick, ticks
from mamebert.reports.plots.labels import Label, Spot, place_labels
from mamebert.reports.text.blocks import Cell, Table

SIZE = (480, 400)
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 46
ROOM = 0.06
"""Of a side, free at both ends."""
MOST_NUMBERED = 40
"""Dots that have their numbers beside them; more would lie on each other."""
COLOURS = 6


class Place(NamedTuple):
    """A text and where it lies."""

    text: str
    label: str
    x: float
    y: float


class Mark(NamedTuple):
    """A dot where it lies in the drawing."""

    x: float
    y: float
    colour: int
    told: str


@dataclass(frozen=True)
class Points:
    """Texts by two numbers that have one unit, so that distances in the drawing are distances."""

    kind: ClassVar[str] = "points"
    title: str
    x_title: str
    y_title: str
    places: Sequence[Place]
    size: tuple[int, int] = SIZE

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the plotting area: left, top, right, bottom."""
        return LEFT, TOP, self.size[0] - RIGHT, self.size[1] - BOTTOM

    def x(self, value: float) -> float:
        """Return where a value lies across."""
        return round(self.box[0] + (value - self._ranges[0][0]) * self._scale, 1)

    def y(self, value: float) -> float:
        """Return where a value lies from the top."""
        return round(self.box[3] - (value - self._ranges[1][0]) * self._scale, 1)

    @property
    def x_ticks(self) -> list[Tick]:
        """Return the marks of the horizontal axis."""
        return [Tick(self.x(value), f"{value:g}") for value in ticks(*self._ranges[0], 6)]

    @property
    def y_ticks(self) -> list[Tick]:
        """Return the marks of the vertical axis."""
        return [Tick(self.y(value), f"{value:g}") for value in ticks(*self._ranges[1], 6)]

    @cached_property
    def groups(self) -> list[str]:
        """Return the labels in the order in which they come; none where texts have none."""
        return [label for label in dict.fromkeys(each.label for each in self.places) if label]

    @property
    def marks(self) -> list[Mark]:
        """Return every dot with its place."""
        return [
            Mark(self.x(each.x), self.y(each.y), self.colour(each.label), f"{number} {_told(each)}")
            for number, each in enumerate(self.places, 1)
        ]

    def colour(self, label: str) -> int:
        """Return which of the page's colours a label has: they begin again after six."""
        return self.groups.index(label) % COLOURS if label else 0

    @property
    def labels(self) -> list[Label]:
        """Return the numbers beside the dots, where there are few enough."""
        if len(self.places) > MOST_NUMBERED:
            return []
        spots = [Spot(mark.x, mark.y, str(number)) for number, mark in enumerate(self.marks, 1)]
        return place_labels(spots, self.box)

    @property
    def description(self) -> str:
        """Return what is drawn, in words, for those who do not see it."""
        return f"{len(self.places)} texts by {self.x_title} and {self.y_title}. The table has their places."

    @property
    def table(self) -> Table:
        """Return the texts with their numbers, labels and places."""
        rows = [
            [
                Cell(str(number)),
                Cell(each.text),
                *([Cell(each.label)] if self.groups else []),
                Cell(f"{each.x:.3f}"),
                Cell(f"{each.y:.3f}"),
            ]
            for number, each in enumerate(self.places, 1)
        ]
        header = ["Number", "Text", *(["Label"] if self.groups else []), "Across", "Up"]
        return Table(f"{self.title}: the texts", header, rows, num_text_columns=len(header) - 2)

    @cached_property
    def _ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return what the axes reach over: the texts in the middle, and one unit of one length on both."""
        left, top, right, bottom = self.box
        found = []
        for values, side in (([p.x for p in self.places], right - left), ([p.y for p in self.places], bottom - top)):
            half, middle = (side / 2) / self._scale, (max(values) + min(values)) / 2
            found.append((middle - half, middle + half))
        return found[0], found[1]

    @cached_property
    def _scale(self) -> float:
        left, top, right, bottom = self.box
        wide, high = (max(values) - min(values) for values in ([p.x for p in self.places], [p.y for p in self.places]))
        room = 1 - 2 * ROOM
        return min((right - left) * room / max(wide, 1e-9), (bottom - top) * room / max(high, 1e-9))


def _told(place: Place) -> str:
    return f"{place.text} [{place.label}]" if place.label else place.text
