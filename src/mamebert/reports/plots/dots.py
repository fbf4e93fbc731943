"""Shares by what they are of, as plain SVG: a line for each, a dot with its interval for each model."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import ClassVar, NamedTuple

from mamebert.reports.plots.chart import ANY, Tick, ends, ticks
from mamebert.reports.plots.labels import text_width
from mamebert.reports.plots.matrix import shorten
from mamebert.reports.text.blocks import Cell, Table
from mamebert.reports.text.number_format import score

WIDTH, RIGHT, TOP, BOTTOM = 480, 14, 8, 46
MOST_SIDE = 190
"""Room for the names of lines."""
LINE, EACH = 12, 9
"""Height of a line: what it has by itself, and for each model."""


class Dot(NamedTuple):
    """One number of one model."""

    value: float
    plus_minus: float = 0.0
    """Half of its interval."""


class Placed(NamedTuple):
    """A dot where it lies in the drawing."""

    x: float
    y: float
    left: float
    right: float
    colour: int
    is_mark: bool
    told: str


@dataclass(frozen=True)
class Dots:
    """Lines with a dot for each model."""

    kind: ClassVar[str] = "dots"
    title: str
    x_title: str
    names: Sequence[str]
    """What the lines are of."""
    models: Sequence[tuple[str, Sequence[Dot | None]]]
    """A name, and a dot for each line."""
    marks: Sequence[tuple[str, Sequence[Dot | None]]] = ()
    """The same of what they are held against, drawn small and hollow."""
    level: tuple[str, float] | None = None
    """What chance gives: a name and a number."""
    bounds: tuple[float, float] = ANY
    """Least and most that such numbers can be: no interval is drawn beyond."""

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the drawing."""
        return WIDTH, round(TOP + self._high * len(self.names) + BOTTOM, 1)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the plotting area: left, top, right, bottom."""
        widest = max((text_width(name) for name in self.names), default=0)
        return round(min(MOST_SIDE, widest) + 14), TOP, WIDTH - RIGHT, self.size[1] - BOTTOM

    def x(self, value: float) -> float:
        """Return where a value lies across."""
        (left, _, right, _), (low, high) = self.box, self._range
        return round(left + (value - low) / (high - low) * (right - left), 1)

    @property
    def x_ticks(self) -> list[Tick]:
        """Return the marks of the horizontal axis."""
        marks = ticks(*self._range, 6)
        decimals = max(0, -floor(log10(marks[1] - marks[0]) + 1e-9)) if len(marks) > 1 else 2
        return [Tick(self.x(value), f"{value:.{decimals}f}") for value in marks]

    @property
    def y_ticks(self) -> list[Tick]:
        """Return the names of the lines, and where they stand."""
        room = self.box[0] - 12
        return [Tick(self._y(number), shorten(name, room)) for number, name in enumerate(self.names)]

    @property
    def placed(self) -> list[Placed]:
        """Return every dot with its place; marks first, for models lie on top."""
        found = []
        for colour, (name, dots) in enumerate(self.marks):
            found += [self._placed(name, i, dot, colour, 0.0, True) for i, dot in enumerate(dots) if dot]
        middle = (len(self.models) - 1) / 2
        for colour, (name, dots) in enumerate(self.models):
            off = (colour - middle) * EACH
            found += [self._placed(name, i, dot, colour, off, False) for i, dot in enumerate(dots) if dot]
        return found

    @property
    def description(self) -> str:
        """Return the numbers of the first model in words, for those who do not see the drawing."""
        name, dots = self.models[0]
        told = [f"{each} {score(dot.value)}" for each, dot in zip(self.names, dots, strict=True) if dot]
        return f"{self.x_title} of {name}: {'; '.join(told)}."

    @property
    def table(self) -> Table:
        """Return the same as numbers."""
        columns = [*self.models, *self.marks]
        rows = [
            [Cell(name), *(Cell(_told(dots[number])) for _, dots in columns)] for number, name in enumerate(self.names)
        ]
        return Table(f"{self.title}: the numbers", ["", *(name for name, _ in columns)], rows)

    @property
    def _high(self) -> float:
        return LINE + EACH * len(self.models)

    @property
    def _range(self) -> tuple[float, float]:
        dots = [dot for _, some in [*self.models, *self.marks] for dot in some if dot]
        values = [end for dot in dots for end in ends(*dot, self.bounds)]
        values += [self.level[1]] if self.level else []
        low, high = min(values, default=0.0), max(values, default=1.0)
        space = (high - low) * 0.05 or 0.5
        return low - space, high + space

    def _y(self, number: int) -> float:
        return round(TOP + self._high * (number + 0.5), 1)

    def _placed(self, name: str, number: int, dot: Dot, colour: int, off: float, is_mark: bool) -> Placed:
        left, right = map(self.x, ends(*dot, self.bounds))
        told = f"{self.names[number]}, {name}: {_told(dot)}"
        return Placed(self.x(dot.value), round(self._y(number) + off, 1), left, right, colour % 6, is_mark, told)


def _told(dot: Dot | None) -> str:
    return score(dot.value, dot.plus_minus or None) if dot else score(None)
