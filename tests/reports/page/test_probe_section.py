"""What probes found, as drawings."""

import pytest

from mamebert.reports.page.probe_plots import plotted
from mamebert.reports.text.blocks import Page, Section
from mamebert.reports.text.render import to_html, to_markdown
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable, ProbedModel


def model(name, floor, plot):
    figures = [{"accuracy": 0.5 + i / 10, "plus_minus": 0.1, "bigram": floor, "layer": i} for i in range(3)]
    rows = [FoundRow(name=f"<b>{i}", figures=each) for i, each in enumerate(figures)]
    return ProbedModel(name=name, tables=[FoundTable(title="T", rows=rows, plot=plot)])


DOTS = FoundPlot(kind="dots", y=["accuracy", "bigram"], y_title="share", level=0.5)
CURVES = FoundPlot(kind="curves", x="layer", y=["accuracy"], level=0.5)


def test_dots_have_intervals_and_stand_where_their_numbers_say():
    (dots,) = plotted("Of it", "T", [model("A", 0.4, DOTS), model("B", 0.4, DOTS)])
    drawn = [each for each in dots.placed if not each.is_mark]
    assert [each.told for each in drawn[:2]] == [
        "<b>0, A: 0.5000\u00a0±\u00a00.1000",
        "<b>1, A: 0.6000\u00a0±\u00a00.1000",
    ]
    first = drawn[0]
    assert first.x - first.left == pytest.approx(first.right - first.x, abs=0.11)
    assert first.x == dots.x(0.5)
    assert first.y < drawn[1].y
    assert drawn[3].y > first.y, "the second encoder stands beside the first"


def test_a_floor_that_all_encoders_share_is_told_once():
    (shared,) = plotted("Of it", "T", [model("A", 0.4, DOTS), model("B", 0.4, DOTS)])
    (own,) = plotted("Of it", "T", [model("A", 0.4, DOTS), model("B", 0.3, DOTS)])
    assert [name for name, _ in shared.marks] == ["bigram"]
    assert [name for name, _ in own.marks] == ["bigram (A)", "bigram (B)"]


@pytest.mark.parametrize("plot", [DOTS, CURVES])
def test_both_pages_have_the_numbers(plot):
    blocks = plotted("Of it", "T", [model("A", 0.4, plot)])
    page = Page("t", [], [], [Section("s", "S", blocks)])
    html = to_html(page)
    assert "<svg" in html
    assert "<b>0" not in html
    assert "0.600" in to_markdown(page)


def test_tables_without_a_plot_are_not_drawn():
    assert plotted("Of it", "T", [model("A", 0.4, None)]) == []
    assert plotted("Of it", "T", []) == []
