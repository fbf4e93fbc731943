"""Plots of quality over cost."""

from collections.abc import Callable
from operator import attrgetter

from mamebert.reports.page.comparison import Arena
from mamebert.reports.plots.scatter import Group, Point, Scatter
from mamebert.reports.readings.compressions import ComparedModel, FormMeasured
from mamebert.reports.text.blocks import Block, Row
from mamebert.reports.text.names import measure_name
from mamebert.reports.text.number_format import GLUE


def drawings(arena: Arena) -> list[Block]:
    """Return the score over bytes and over latency, side by side, where two models or more have them."""
    measure = measure_name(arena.measure)
    kinds = (
        ("size", "on disk (MB)", attrgetter("num_bytes"), lambda v: f"{v / 1e6:.3g}{GLUE}MB"),
        ("latency", "p50 latency (ms)", attrgetter("p50"), lambda v: f"{v:.3g}{GLUE}ms"),
    )
    found: list[Block] = []
    for what, title, cost, write in kinds:
        points = _points(arena, cost)
        if len(points) > 1:
            told = f"{measure} against {what}, {arena.title}"
            found.append(Scatter(told, title, measure, points, write, arena.lower_is_better))
    return [Row(found)] if found else []


def _points(arena: Arena, cost_of: Callable[[FormMeasured], float | None]) -> list[Point]:
    """Return every form with a cost; other forms are moved from the mean over seeds by what they change."""
    found = []
    for each in arena.everyone:
        number = arena.number(each)
        for form in each.forms:
            cost, moved = cost_of(form), _moved(each, form)
            if each.score and number and cost and moved is not None:
                main = form is each.main
                name = each.name if main else f"{each.name}, {form.name}"
                group: Group = "teacher" if each.role == "teacher" else "smaller"
                spread = each.score.spread if main else None
                found.append(Point(number, name, cost, each.score.mean + moved, spread, group, main))
    return found


def _moved(entrant: ComparedModel, form: FormMeasured) -> float | None:
    """Return what a form adds to the score of the main one; None where that is not known."""
    if form is entrant.main:
        return 0.0
    return form.score - entrant.main.score if form.score is not None and entrant.main.score is not None else None
