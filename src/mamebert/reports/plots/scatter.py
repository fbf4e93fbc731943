"""A scatter as plain SVG: models by what they cost and how good they are, and the line of those none beats in both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil, floor, log10
from typing import ClassVar, Literal

from mamebert.reports.plots.chart import Tick, nice_step, ticks
from mamebert.reports.plots.labels import Box, Label, Spot, place_labels

SIZE = (480, 350)
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 14, 46
ROOM = 0.07  # of an axis, free at both ends
EQUAL = 1e-6  # values closer than this are drawn as one
LOG_FROM = 4.0  # costs that differ by more than this factor stand on a logarithmic axis

Group = Literal["teacher", "smaller"]


@dataclass(frozen=True)
class Point:
    """A model, or another form of one."""

    number: int
    """What it is called in the drawing; forms of one model share it."""
    name: str
    x: float
    """What it costs; above 0."""
    y: float
    """How good it is."""
    spread: float | None = None
    group: Group = "smaller"
    is_main: bool = True
    """Whether it is the form that its scores are of."""


@dataclass(frozen=True)
class Drawn:
    """A point where it lies in the drawing."""

    point: Point
    x: float
    y: float
    whisker: tuple[float, float] | None
    """Top and bottom of its spread."""


@dataclass(frozen=True)
class Scatter:
    """Points over a cost; less of it is better."""

    kind: ClassVar[str] = "scatter"
    title: str
    x_title: str
    y_title: str
    points: Sequence[Point]
    write: Callable[[float], str]
    """Writes a cost with its unit."""
    lower_is_better: bool = False
    """Whether y is a loss."""
    size: tuple[int, int] = SIZE

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the plotting area: left, top, right, bottom."""
        return LEFT, TOP, self.size[0] - RIGHT, self.size[1] - BOTTOM

    def x(self, value: float) -> float:
        """Return where a cost lies across."""
        (left, _, right, _), (low, high) = self.box, self._x_range
        place = log10(value) if self.is_log else value
        return round(left + (place - low) / (high - low) * (right - left), 1)

    def y(self, value: float) -> float:
        """Return where a value lies from the top."""
        (_, top, _, bottom), (low, high) = self.box, self._y_range
        return round(bottom - (value - low) / (high - low) * (bottom - top), 1)

    @cached_property
    def is_log(self) -> bool:
        """Tell whether the horizontal axis is logarithmic."""
        costs = [point.x for point in self.points]
        return max(costs) > LOG_FROM * min(costs)

    @cached_property
    def front(self) -> list[Point]:
        """Return the Pareto front, cheapest first: no other point is as good for less, or better for as much."""
        return pareto_front(self.points, self.lower_is_better)

    @property
    def front_path(self) -> str:
        """Return the front as steps; it goes on to the right, where nothing better is known."""
        first, *others = self._corners
        return f"M{first[0]} {first[1]}" + "".join(f"H{x}V{y}" for x, y in others) + f"H{self.box[2]}"

    @property
    def _corners(self) -> list[tuple[float, float]]:
        return [(self.x(point.x), self.y(point.y)) for point in self.front]

    @property
    def _front_lines(self) -> list[Box]:
        """Return the parts of the front as thin boxes, which texts had better not lie on."""
        found: list[Box] = []
        for (x, y), (next_x, next_y) in pairwise([*self._corners, (self.box[2], self._corners[-1][1])]):
            found += [(x, y - 1, next_x, y + 1), (next_x - 1, min(y, next_y), next_x + 1, max(y, next_y))]
        return found

    @cached_property
    def drawn(self) -> list[Drawn]:
        """Return the points with their places, main forms last: they lie on top."""
        found = []
        for point in sorted(self.points, key=lambda p: p.is_main):
            ends = (self.y(point.y + point.spread), self.y(point.y - point.spread)) if point.spread else None
            found.append(Drawn(point, self.x(point.x), self.y(point.y), ends))
        return found

    @property
    def labels(self) -> list[Label]:
        """Return the texts beside the points: a number for all that need one, names along the front where they fit."""
        front = set(map(id, self.front))
        spots = [
            Spot(
                each.x,
                each.y,
                str(each.point.number) if each.point.is_main or id(each.point) in front else "",
                f"{each.point.number} {each.point.name}" if id(each.point) in front else "",
            )
            for each in self.drawn
        ]
        return place_labels(spots, self.box, self._front_lines)

    @property
    def x_ticks(self) -> list[Tick]:
        """Return the marks of the horizontal axis."""
        low, high = self._x_range
        values = _log_ticks(low, high) if self.is_log else [v for v in ticks(low, high, 5) if v > 0]
        return [Tick(self.x(v), self.write(v)) for v in values]

    @property
    def y_ticks(self) -> list[Tick]:
        """Return the marks of the vertical axis."""
        low, high = self._y_range
        step = nice_step((high - low) / 6)
        decimals = max(0, -floor(log10(step) + 1e-9))
        return [Tick(self.y(v), f"{v:.{decimals}f}") for v in ticks(low, high, 6)]

    @property
    def description(self) -> str:
        """Return the front in words: what Markdown shows, and those hear who do not see the drawing."""
        told = ", ".join(f"{p.number} {p.name} ({self.write(p.x)}, {p.y:.3f})" for p in self.front)
        return f"Nothing here is both cheaper and better than: {told}."

    @cached_property
    def _x_range(self) -> tuple[float, float]:
        costs = [log10(point.x) if self.is_log else point.x for point in self.points]
        return _with_room(min(costs), max(costs))

    @cached_property
    def _y_range(self) -> tuple[float, float]:
        return _with_room(
            min(point.y - (point.spread or 0) for point in self.points),
            max(point.y + (point.spread or 0) for point in self.points),
        )


def pareto_front(points: Sequence[Point], lower_is_better: bool = False) -> list[Point]:
    """Return the points that no other beats in cost and value, cheapest first; of equal ones the first."""
    way = -1 if lower_is_better else 1
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -way * p.y)):
        if not found or way * point.y > way * found[-1].y:
            found.append(point)
    return found


def _with_room(low: float, high: float) -> tuple[float, float]:
    space = (high - low) * ROOM if high - low > EQUAL else max(abs(high) * 0.1, EQUAL)
    return low - space, high + space


def _log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10 ... between powers of ten; fewer of them where they would be many."""
    powers = range(floor(low), ceil(high) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [n * 10.0**power for power in powers for n in steps if low <= log10(n * 10.0**power) <= high]
        if len(found) <= 7:
            break
    return found
