"""An interval is drawn no further than what such a number can be."""

import pytest

from mamebert.reports.page.probe_plots import plotted
from mamebert.reports.plots.chart import Chart
from mamebert.reports.plots.dots import Dots
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable, ProbedModel


def drawn(kind, figures, bounds):
    plot = FoundPlot(kind=kind, x="layer", y=["accuracy"], bounds=bounds)
    rows = [FoundRow(name=str(n), figures={"layer": n, **each}) for n, each in enumerate(figures)]
    [found] = plotted("t", "a", [ProbedModel(name="m", tables=[FoundTable(title="a", rows=rows, plot=plot)])])
    return found


FEW = [{"accuracy": 0.95, "plus_minus": 0.2}, {"accuracy": 0.1, "plus_minus": 0.2}]


def test_dots_of_shares_end_at_nothing_and_all():
    dots = drawn("dots", FEW, [0.0, 1.0])
    assert isinstance(dots, Dots)
    high, low = dots.placed
    assert (high.left, high.right) == (dots.x(0.75), dots.x(1.0))
    assert (low.left, low.right) == (dots.x(0.0), pytest.approx(dots.x(0.3)))
    assert drawn("dots", FEW, []).placed[0].right == pytest.approx(drawn("dots", FEW, []).x(1.15))


def test_whiskers_of_shares_end_at_nothing_and_all():
    chart = drawn("curves", FEW, [0.0, 1.0])
    assert isinstance(chart, Chart)
    (_, top, _), (_, _, bottom) = chart.whiskers(chart.lines[0])
    assert (top, bottom) == (chart.y(1.0), chart.y(0.0))


def test_a_number_beyond_its_bounds_is_drawn_all_the_same():
    [dot] = drawn("dots", [{"accuracy": 1.1, "plus_minus": 0.2}], [0.0, 1.0]).placed
    assert dot.left < dot.x == dot.right
