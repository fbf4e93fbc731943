"""Loss curves, N against W, by tokens read and by seconds spent."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from mamebert.reports.page.story import Story
from mamebert.reports.plots.chart import Chart, Line, Scale, smooth
from mamebert.reports.readings.pretrainings import Pretrained
from mamebert.reports.readings.run_json import metrics_of
from mamebert.reports.text.blocks import Row, Section
from mamebert.reports.text.number_format import is_number


class Axis(NamedTuple):
    """What stands across: a key of metrics.jsonl and its name on the page."""

    key: str
    name: str
    scale: Scale


class Curve(NamedTuple):
    """What stands upright: a key of metrics.jsonl and its name on the page."""

    key: str
    name: str


AXES = (Axis("tokens", "tokens", "amount"), Axis("seconds", "time", "clock"))
CURVES = (
    Curve("heldout_mlm_loss", "Held-out MLM loss"),
    Curve("mlm_loss", "Training MLM loss"),
    Curve("order_gain", "Order gain"),
    Curve("heldout_contrast_loss", "Held-out loss of crops"),
    Curve("contrast_loss", "Training loss of crops"),
)
TRAINING = {"mlm_loss", "contrast_loss"}
"""What every step gives, so that it is drawn smoothed."""


def tell(story: Story) -> list[Section]:
    """Return the section with the curves of every shape."""
    rows = []
    for shape, models in story.shapes.items():
        metrics = [(model, metrics_of(model.run)) for model in models]
        for curve in CURVES:
            charts = [_chart(shape, metrics, curve, axis) for axis in AXES]
            if drawn := [chart for chart in charts if chart]:
                rows.append(Row(drawn))
    lead = (
        "In nats; of losses lower is better. Held-out text is never trained on; a training point is a mean over some "
        "steps. Order gain, of which more is better, is what the held-out loss rises by when words are shuffled."
    )
    return [Section("curves", "Loss curves", rows, lead)] if rows else []


def _chart(
    shape: str, metrics: list[tuple[Pretrained, list[dict[str, Any]]]], curve: Curve, axis: Axis
) -> Chart | None:
    lines = []
    for number, (model, records) in enumerate(metrics):
        points = list(_points(records, axis.key, curve.key))
        if len(points) > 1:
            shown = smooth(points) if curve.key in TRAINING else points
            lines.append(Line(model.name, shown, colour=_colour(model, number)))
    if not lines:
        return None
    few = max(len(line.points) for line in lines) <= 20
    title = f"{curve.name} by {axis.name}, {shape}"
    return Chart(title, axis.name, curve.name, lines, x_scale=axis.scale, with_marks=few)


def _colour(model: Pretrained, number: int) -> int:
    return {"N": 0, "W": 1}.get(model.side, 2 + number % 4)


def _points(records: Iterable[dict[str, Any]], axis: str, key: str) -> Iterable[tuple[float, float]]:
    for record in records:
        x, y = record.get(axis), record.get(key)
        if is_number(x) and is_number(y):
            yield float(x), float(y)  # type: ignore[arg-type]
