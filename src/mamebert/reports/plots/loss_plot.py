"""loss.svg: losses, order gain and learning rate of a pretraining so far; one file, to be opened in a browser."""

from collections.abc import Mapping
from typing import Any

from mamebert.reports.plots.chart import Chart, Line, smooth
from mamebert.reports.text.number_format import is_number
from mamebert.reports.text.render import to_svg

MOST_POINTS = 80
WIDTH, LOSS_HEIGHT, LOWER_HEIGHT = 820, 340, 170


class LossPlot:
    """The curves, grown line by line as metrics.jsonl is."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._training: list[tuple[float, float]] = []
        self._heldout: list[tuple[float, float]] = []
        self._gains: list[tuple[float, float]] = []
        self._crops: list[tuple[float, float]] = []
        self._heldout_crops: list[tuple[float, float]] = []
        self._rates: list[tuple[float, float]] = []

    def add(self, line: Mapping[str, Any]) -> None:
        """Take what a line of metrics.jsonl has for the picture; a step that changed no weight has nothing."""
        step = line.get("step")
        drawn = {
            "mlm_loss": self._training, "heldout_mlm_loss": self._heldout, "order_gain": self._gains,
            "contrast_loss": self._crops, "heldout_contrast_loss": self._heldout_crops, "lr": self._rates
        }  # fmt: skip
        for key, points in drawn.items():
            if is_number(step) and is_number(line.get(key)) and "trouble" not in line:
                points.append((float(step), float(line[key])))  # type: ignore[arg-type]

    def draw(self, told: str, running: bool) -> str:
        """Return the picture as SVG, or nothing as long as there is no curve.

        `told` is a line of figures below the title. While `running`, a browser reads the file again every 30 seconds.
        """
        asked = (
            ("Loss of masked words, nats", _losses(self._training, self._heldout)),
            ("Loss of crops that find each other, nats", _losses(self._crops, self._heldout_crops)),
        )
        charts = [Chart("", "", name, lines, size=(WIDTH, LOSS_HEIGHT)) for name, lines in asked if lines]
        if not charts:
            return ""
        if len(self._gains) > 1:
            gain = Line("order gain", self._gains, colour=3)
            charts.append(
                Chart("", "", f"Order gain {self._gains[-1][1]:.3f}, nats", [gain], size=(WIDTH, LOWER_HEIGHT))
            )
        if len(self._rates) > 1:
            rate = Line("learning rate", smooth(self._rates, MOST_POINTS), colour=2)
            charts.append(Chart("", "steps", "Learning rate", [rate], size=(WIDTH, LOWER_HEIGHT)))
        return to_svg("loss.svg.jinja", title=self.title, told=told, charts=charts, running=running)


def _losses(training: list[tuple[float, float]], held_out: list[tuple[float, float]]) -> list[Line]:
    lines: list[Line] = []
    for name, points in (("training", smooth(training, MOST_POINTS)), ("held out", held_out)):
        if len(points) > 1:
            lines.append(Line(f"{name} {points[-1][1]:.3f}", points, colour=len(lines)))
    return lines
