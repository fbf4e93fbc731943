"""Line charts as plain SVG: text stays text (the browser's fonts draw Japanese), colours follow the page's theme."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, log10
from sys import float_info
from typing import ClassVar, Literal

from mamebert.reports.text.blocks import Cell, Table
from mamebert.reports.text.number_format import NOT_MEASURED, amount, clock, score

Scale = Literal["amount", "clock", "count", "score", "plain"]
WRITE: dict[Scale, Callable[[float], str]] = {
    "amount": amount,
    "clock": clock,
    "count": lambda v: f"{v:g}",
    "score": score,
    "plain": lambda v: f"{v:.3f}",
}
SIZE = (480, 300)
ANY = (-inf, inf)
"""Bounds of what has none."""
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 46


@dataclass(frozen=True)
class Line:
    """One curve: points (x, y), and the spread of y where it was measured."""

    name: str
    points: Sequence[tuple[float, float]]
    spreads: Sequence[float | None] = ()
    colour: int = 0
    """Which of the page's colours, 0 to 5; odd ones are dashed too, so that no reader needs the colour. From 6 on they
    begin again, dotted."""

    @property
    def look(self) -> str:
        """Return the classes of its strokes."""
        return f"c{self.colour % 6}{' again' if self.colour >= 6 else ''}"


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where (in the drawing) and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Curves over one axis. `levels` are numbers to hold them against, drawn as horizontal lines."""

    kind: ClassVar[str] = "chart"
    title: str
    x_title: str
    y_title: str
    lines: Sequence[Line]
    x_scale: Scale = "amount"
    y_scale: Scale = "plain"
    levels: Sequence[tuple[str, float]] = ()
    with_marks: bool = False
    with_numbers: bool = True
    """Show the numbers below; not where a table beside the chart has them."""
    x_from_zero: bool = True
    bounds: tuple[float, float] = ANY
    """Least and most that y can be: no spread is drawn beyond."""
    size: tuple[int, int] = SIZE
    """Width and height of the whole drawing."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the plotting area: left, top, right, bottom."""
        return LEFT, TOP, self.size[0] - RIGHT, self.size[1] - BOTTOM

    def x(self, value: float) -> float:
        """Return where a value lies across."""
        (left, _, right, _), (low, high) = self.box, self._x_range
        return round(left + (value - low) / (high - low) * (right - left), 1)

    def y(self, value: float) -> float:
        """Return where a value lies from the top."""
        (_, top, _, bottom), (low, high) = self.box, self._y_range
        return round(bottom - (value - low) / (high - low) * (bottom - top), 1)

    def path(self, line: Line) -> str:
        """Return the SVG path of a curve."""
        return "M" + "L".join(f"{self.x(x)} {self.y(y)}" for x, y in line.points)

    def whiskers(self, line: Line) -> list[tuple[float, float, float]]:
        """Return (x, top, bottom) of the spread around each point."""
        spread = [(x, ends(y, s, self.bounds)) for (x, y), s in zip(line.points, line.spreads, strict=False) if s]
        return [(self.x(x), self.y(high), self.y(low)) for x, (low, high) in spread]

    @property
    def x_ticks(self) -> list[Tick]:
        """Return the marks of the horizontal axis."""
        low, high = self._x_range
        whole = self.x_scale == "count" and floor(high) > ceil(low)
        step = clock_step if self.x_scale == "clock" else nice_step
        return [
            Tick(self.x(v), _short(self.x_scale, v)) for v in ticks(*self._x_range, 6, step) if not whole or v == int(v)
        ]

    @property
    def y_ticks(self) -> list[Tick]:
        """Return the marks of the vertical axis."""
        marks = ticks(*self._y_range, self.size[1] // 60)
        decimals = max(0, -floor(log10(marks[1] - marks[0]) + 1e-9)) if len(marks) > 1 else 2
        return [Tick(self.y(v), f"{v:.{decimals}f}") for v in marks]

    @property
    def description(self) -> str:
        """Return what the chart shows, in words, for those who do not see it."""
        write = WRITE[self.y_scale]
        ends = [
            f"{line.name} goes from {write(line.points[0][1])} to {write(line.points[-1][1])}" for line in self.lines
        ]
        ends += [f"{name} stands at {write(value)}" for name, value in self.levels]
        return f"{self.y_title} by {self.x_title}: " + "; ".join(ends) + "."

    @property
    def table(self) -> Table:
        """Return the curves as numbers, at twelve places at most."""
        longest = max(self.lines, key=lambda line: len(line.points))
        places = [x for x, _ in thin(longest.points, 12)]
        near = max((b - a for a, b in pairwise(places)), default=0) / 2
        rows = [
            [Cell(WRITE[self.x_scale](x)), *(Cell(self._nearest(line, x, near)) for line in self.lines)] for x in places
        ]
        rows += [[Cell(name), *(Cell(WRITE[self.y_scale](value)) for _ in self.lines)] for name, value in self.levels]
        return Table(f"{self.title}: the numbers", [self.x_title, *(line.name for line in self.lines)], rows)

    def _nearest(self, line: Line, x: float, near: float) -> str:
        place, value = min(line.points, key=lambda point: abs(point[0] - x))
        return WRITE[self.y_scale](value) if abs(place - x) <= near else NOT_MEASURED

    @property
    def _x_range(self) -> tuple[float, float]:
        values = [x for line in self.lines for x, _ in line.points]
        low, high = min(values), max(values)
        if self.x_from_zero:
            low = min(low, 0)
        elif low == high:
            low, high = low - 0.5, high + 0.5
        return (low, high) if high > low else (low, low + 1)

    @property
    def _y_range(self) -> tuple[float, float]:
        values = [y for line in self.lines for _, y in line.points] + [value for _, value in self.levels]
        values += [
            end
            for line in self.lines
            for (_, y), s in zip(line.points, line.spreads, strict=False)
            if s
            for end in ends(y, s, self.bounds)
        ]
        low, high = min(values), max(values)
        space = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
        return low - space, high + space


def ends(value: float, half: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return where the interval of a number begins and ends, not beyond what such numbers can be."""
    least, most = bounds
    return min(value, max(least, value - half)), max(value, min(most, value + half))


def ticks(low: float, high: float, most: int, step_of: Callable[[float], float] | None = None) -> list[float]:
    """Return round numbers between two bounds, about as many as asked for."""
    step = (step_of or nice_step)((high - low) / most)
    return [round(i * step, 12) for i in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def nice_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, ... (and their tenths) that is not below `least`."""
    least = max(least, float_info.min)  # numbers all but equal
    size = 10.0 ** floor(log10(least))
    return float(next(size * n for n in (1, 2, 5, 10) if size * n >= least * (1 - 1e-9)))


def clock_step(least: float) -> float:
    """Return the smallest round span of time, in seconds, that is not below `least`."""
    spans = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
    return next(
        (float(span) for span in spans if span >= least), nice_step(least / 86400) * 86400 if least > 86400 else 1.0
    )


def thin(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """Return at most that many of the points, evenly chosen, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def smooth(points: Sequence[tuple[float, float]], most: int = 120) -> list[tuple[float, float]]:
    """Return the means of at most that many neighbouring groups of points: a noisy curve made readable."""
    size = ceil(len(points) / most) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]


def _short(scale: Scale, value: float) -> str:
    if scale != "clock":
        return WRITE[scale](value)
    if value < 60:
        return f"{value:.0f}s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours}h{minutes:02}" if hours and minutes else f"{hours}h" if hours else f"{minutes}m"
