"""What probes found, as drawings."""

import pytest

from mamebert.reports.page.probe_plots import maps_of, plotted
from mamebert.reports.page.sections.probe import _examples
from mamebert.reports.text.blocks import Page, Section
from mamebert.reports.text.render import to_html, to_markdown
from mamebert.results.probe import FoundExample, FoundMap, FoundPlot, FoundRow, FoundTable, ProbedModel


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


POINTS = FoundPlot(kind="points", x="first", y=["second"], x_title="one", y_title="other")


def plane(*places, label=""):
    rows = [
        FoundRow(name=f"<i>text {i}", figures={"first": x, "second": y}, label=label) for i, (x, y) in enumerate(places)
    ]
    return ProbedModel(name="A", tables=[FoundTable(title="T", rows=rows, plot=POINTS)])


def test_distances_in_a_plane_are_distances_in_the_drawing():
    (points,) = plotted("Of it", "T", [plane((0, 0), (30, 0), (0, 4))])
    zero, right, up = points.marks
    assert (right.x - zero.x) / 30 == pytest.approx((zero.y - up.y) / 4, abs=0.1)
    left, top, edge, bottom = points.box
    assert all(left <= mark.x <= edge and top <= mark.y <= bottom for mark in points.marks)
    assert up.told == "3 <i>text 2"


@pytest.mark.parametrize("places", [[(1, 1)], [(0, 0), (0, 0)], [(i, i % 7) for i in range(60)]])
def test_planes_of_any_number_of_texts_are_drawn_with_their_texts(places):
    blocks = plotted("Of it", "T", [plane(*places, label="<u>")])
    page = Page("t", [], [], [Section("s", "S", blocks)])
    html = to_html(page)
    assert html.count("<circle") == len(places) + 1, "each text, and the label in the legend"
    assert "<i>" not in html
    assert "<u>" not in html
    assert "nan" not in html
    assert "text 0" in to_markdown(page)


def test_planes_of_several_encoders_stand_side_by_side():
    (row,) = plotted("Of it", "T", [plane((0, 0), (1, 1)), ProbedModel(**{**dict(plane((1, 0), (0, 1))), "name": "B"})])
    assert [each.title for each in row.blocks] == ["Of it, A", "Of it, B"]


def test_maps_tell_where_each_token_looks_and_bear_layers_without_heads():
    ahead = [[0.0, 1.0], [0.99, 0.01]]
    small, fold = maps_of("Maps", "", FoundMap(tokens=["[CLS]", "<b>"], attention=[[ahead, ahead], []]))
    assert small.layers == [[ahead, ahead], []]
    first = fold.blocks[0].blocks[0]
    assert [field.told for field in first.fields] == ["[CLS] → <b>: 100\u00a0%", "<b> → [CLS]: 99.0\u00a0%"]
    assert [cell.text for cell in fold.blocks[1].rows[1]] == ["<b>", "[CLS] 99.0\u00a0%", "[CLS] 99.0\u00a0%"]
    page = Page("t", [], [], [Section("s", "S", [small, fold])])
    assert "<b>" not in to_html(page)
    assert "Head 2" in to_markdown(page)


@pytest.mark.parametrize("attention", [[], [[]], [[[[1.0]]]], [[[[1.0], [1.0]]]]])
def test_maps_that_fit_no_tokens_are_not_drawn(attention):
    assert maps_of("Maps", "", FoundMap(tokens=["a", "b"], attention=attention)) == []


def test_texts_stand_under_their_headings_and_those_without_numbers_have_no_unit():
    told = [
        FoundExample(prompt="a", answers=[("b", 0.5)], about="Near", unit="cosine"),
        FoundExample(prompt="c", answers=[("d", 0.5)], about="Nearer", unit="cosine"),
        FoundExample(prompt="written"),
    ]
    blocks = _examples("Probe", [ProbedModel(name="A", examples=told)])
    assert [(each.caption, each.unit) for each in blocks] == [("Near", "cosine"), ("Nearer", "cosine"), ("Probe", "")]
    assert "()" not in to_html(Page("t", [], [], [Section("s", "S", blocks)]))
