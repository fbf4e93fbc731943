"""Lengths of rows as plain SVG: the share of each part between any two edges, and the line where rows are cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from mamebert.reports.plots.chart import Tick, nice_step, ticks
from mamebert.reports.plots.labels import text_width
from mamebert.reports.readings.lengths import PartLengths
from mamebert.reports.text.blocks import Cell, Table
from mamebert.reports.text.number_format import NOT_MEASURED, count, percent

SIZE = (480, 300)
LEFT, RIGHT, TOP, BOTTOM = 58, 24, 26, 46
MOST_PARTS = 3
"""Drawn; the table has all."""
APART = 8.0
"""Between two texts on the horizontal axis."""


class Bar(NamedTuple):
    """A bar of the first part."""

    x: float
    y: float
    width: float
    height: float
    is_cut: bool
    """Whether all its rows are longer than what is read."""
    told: str


@dataclass(frozen=True)
class Histogram:
    """The first part is drawn as bars, further ones as steps over them. Edges stand equally far apart."""

    kind: ClassVar[str] = "histogram"
    title: str
    edges: Sequence[int]
    """Of one more than there are places; a row of the length of an edge lies below it."""
    parts: Sequence[PartLengths]
    max_length: int | None = None
    """Where rows are cut, in tokens; None where that is no single length."""
    size: tuple[int, int] = SIZE
    x_title: str = "tokens of a row"
    y_title: str = "share of rows"

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the plotting area: left, top, right, bottom."""
        return LEFT, TOP, self.size[0] - RIGHT, self.size[1] - BOTTOM

    @property
    def drawn(self) -> Sequence[PartLengths]:
        """Return the parts that are drawn."""
        return self.parts[:MOST_PARTS]

    def x(self, place: float) -> float:
        """Return where the edge of a number lies across."""
        left, _, right, _ = self.box
        first, last = self._span
        return round(left + (place - first) / (last - first) * (right - left), 1)

    def y(self, share: float) -> float:
        """Return where a share lies from the top."""
        _, top, _, bottom = self.box
        return round(bottom - share / self._highest * (bottom - top), 1)

    @property
    def bars(self) -> list[Bar]:
        """Return the bars of the first part."""
        part, cut = self.parts[0], self.max_length
        return [
            Bar(
                self.x(i) + 1,
                self.y(part.share(i)),
                round(self.x(i + 1) - self.x(i) - 2, 1),
                round(self.box[3] - self.y(part.share(i)), 1),
                cut is not None and self.edges[i] >= cut,
                f"{part.name}, {self._between(i)} tokens: {count(part.counts[i])} rows ({percent(part.share(i))})",
            )
            for i in range(*self._span)
            if part.counts[i]
        ]

    @property
    def steps(self) -> list[str]:
        """Return the SVG paths of the other parts."""
        return [
            f"M{self.x(self._span[0])} {self.box[3]}"
            + "".join(f"V{self.y(part.share(i))}H{self.x(i + 1)}" for i in range(*self._span))
            + f"V{self.box[3]}"
            for part in self.drawn[1:]
        ]

    @property
    def cut_at(self) -> float | None:
        """Return where across the line stands behind which nothing is read; None where all rows end before it."""
        if self.max_length is None or not self.edges[self._span[0]] <= self.max_length < self.edges[self._span[1]]:
            return None
        place = max(i for i, edge in enumerate(self.edges) if edge <= self.max_length)
        low, high = self.edges[place], self.edges[place + 1]
        return self.x(place + (self.max_length - low) / (high - low))

    @property
    def x_ticks(self) -> list[Tick]:
        """Return the edges, as many as there is room for."""
        found: list[Tick] = []
        for i in range(self._span[0], self._span[1] + 1):
            tick = Tick(self.x(i), count(self.edges[i]))
            if not found or tick.at - found[-1].at >= (text_width(tick.text) + text_width(found[-1].text)) / 2 + APART:
                found.append(tick)
        return found

    @property
    def y_ticks(self) -> list[Tick]:
        """Return the marks of the vertical axis."""
        step = nice_step(self._highest / 5)
        decimals = 0 if step >= 0.01 else 1
        return [Tick(self.y(v), f"{v * 100:.{decimals}f} %") for v in ticks(0, self._highest, 5)]

    @property
    def description(self) -> str:
        """Return median, longest and cut of every part, for those who do not see the drawing."""
        told = []
        for part in self.parts:
            cut = f", {count(part.cut)} cut" if part.cut is not None else ""
            told.append(f"{part.name}: {count(part.num_rows)} rows, median {_number(part.median)} tokens{cut}")
        where = f"Rows are cut at {count(self.max_length)} tokens. " if self.max_length else ""
        return f"{where}{'; '.join(told)}."

    @property
    def table(self) -> Table:
        """Return the counts of all parts, their medians, longest, and how many are cut."""
        rows = [
            [Cell(self._between(i)), *(Cell(count(part.counts[i])) for part in self.parts)] for i in range(*self._span)
        ]
        rows.append([Cell("Median"), *(Cell(_number(part.median)) for part in self.parts)])
        rows.append([Cell("Longest"), *(Cell(_number(part.longest)) for part in self.parts)])
        if any(part.cut is not None for part in self.parts):
            cuts = (
                NOT_MEASURED if p.cut is None else f"{count(p.cut)} ({percent(p.cut / (p.num_rows or 1))})"
                for p in self.parts
            )
            rows.append([Cell("Rows that are cut"), *map(Cell, cuts)])
        return Table(f"{self.title}: the numbers", ["Tokens", *(part.name for part in self.parts)], rows)

    @property
    def _span(self) -> tuple[int, int]:
        """Return the first place that has rows, and the one behind the last."""
        filled = [i for i in range(len(self.edges) - 1) if any(part.counts[i] for part in self.parts)]
        return filled[0], filled[-1] + 1

    @property
    def _highest(self) -> float:
        return max(part.share(i) for part in self.drawn for i in range(*self._span)) * 1.05

    def _between(self, place: int) -> str:
        return f"{count(self.edges[place] + 1)} to {count(self.edges[place + 1])}"


def _number(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:,.1f}".removesuffix(".0")
