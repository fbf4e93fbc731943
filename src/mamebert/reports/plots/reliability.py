"""A reliability diagram as plain SVG: how often answers are right, by the probability the model gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from mamebert.reports.plots.chart import Tick
from mamebert.reports.readings.answers import Bin, expected_calibration_error
from mamebert.reports.text.blocks import Cell, Table
from mamebert.reports.text.number_format import count

SIZE = (480, 330)
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 46
STRIP = 56
"""Height of the bars at the foot: how many rows each bin has."""


class Bar(NamedTuple):
    """A bin as it is drawn."""

    x: float
    width: float
    top: float
    """Of the accuracy."""
    mean: tuple[float, float]
    """Where the mean probability lies on the diagonal."""
    centre: float
    strip_top: float
    told: str


@dataclass(frozen=True)
class Reliability:
    """One model's bins; on the diagonal probabilities are what they claim."""

    kind: ClassVar[str] = "reliability"
    title: str
    bins: Sequence[Bin]
    size: tuple[int, int] = SIZE
    x_title: str = "probability of the model's label"
    y_title: str = "share of right answers"

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the plotting area: left, top, right, bottom."""
        return LEFT, TOP, self.size[0] - RIGHT, self.size[1] - BOTTOM - STRIP - 10

    @property
    def foot(self) -> float:
        """Return where the bars of the numbers of rows stand."""
        return self.size[1] - BOTTOM

    def x(self, value: float) -> float:
        """Return where a probability lies across."""
        left, _, right, _ = self.box
        return round(left + value * (right - left), 1)

    def y(self, value: float) -> float:
        """Return where a share lies from the top."""
        _, top, _, bottom = self.box
        return round(bottom - value * (bottom - top), 1)

    @property
    def bars(self) -> list[Bar]:
        """Return the bins as they are drawn."""
        most = max(each.num_rows for each in self.bins)
        return [
            Bar(
                self.x(each.low) + 1,
                round(self.x(each.high) - self.x(each.low) - 2, 1),
                self.y(each.accuracy),
                (self.x(each.mean_probability), self.y(each.mean_probability)),
                round((self.x(each.low) + self.x(each.high)) / 2, 1),
                round(self.foot - max(1.0, STRIP * each.num_rows / most), 1),
                f"{span(each)}: {count(each.num_rows)} rows, mean probability {each.mean_probability:.3f}, "
                f"{each.accuracy:.3f} right",
            )
            for each in self.bins
        ]

    @property
    def x_ticks(self) -> list[Tick]:
        """Return the marks of the horizontal axis."""
        return [Tick(self.x(i / 5), f"{i / 5:.1f}") for i in range(6)]

    @property
    def y_ticks(self) -> list[Tick]:
        """Return the marks of the vertical axis."""
        return [Tick(self.y(i / 5), f"{i / 5:.1f}") for i in range(6)]

    @property
    def most_rows(self) -> str:
        """Return how many rows the highest bar at the foot stands for."""
        return count(max(each.num_rows for each in self.bins))

    @property
    def error(self) -> float:
        """Return the expected calibration error."""
        return expected_calibration_error(self.bins)

    @property
    def description(self) -> str:
        """Return the sum of it, for those who do not see the drawing."""
        told = "; ".join(each.told for each in self.bars)
        return f"Expected calibration error {self.error:.3f}. {told}."

    @property
    def table(self) -> Table:
        """Return the bins as numbers."""
        rows = [
            [
                Cell(span(each)),
                Cell(count(each.num_rows)),
                Cell(f"{each.mean_probability:.3f}"),
                Cell(f"{each.accuracy:.3f}"),
                Cell(f"{each.accuracy - each.mean_probability:+.3f}"),
            ]
            for each in self.bins
        ]
        header = ["Probability", "Rows", "Mean probability", "Share right", "Difference"]
        return Table(f"{self.title}: the numbers", header, rows)


def span(of: Bin) -> str:
    """Return the bounds of a bin."""
    return f"{of.low:.2f} to {of.high:.2f}"
