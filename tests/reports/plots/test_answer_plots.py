import xml.etree.ElementTree as ET
from itertools import product

import pytest

from mamebert.reports.plots.histogram import Histogram
from mamebert.reports.plots.matrix import Matrix, shorten, whole_percent
from mamebert.reports.plots.reliability import Reliability
from mamebert.reports.readings.answers import Bin, Confusions
from mamebert.reports.readings.lengths import PartLengths
from mamebert.reports.text.blocks import Page, Section
from mamebert.reports.text.render import to_html, to_markdown

HOSTILE = '</text><script>alert("1")</script> & a very long label'
BINS = [Bin(0.4, 0.6, 3, 0.5, 0.25), Bin(0.8, 1.0, 900, 0.93, 0.871)]
LENGTHS = [
    PartLengths("train", [0, 0, 3, 6, 1], 14.0, 70, 1),
    PartLengths("valid", [0, 0, 1, 1, 0], 12.5, 20, 0),
    PartLengths("test", [0, 0, 2, 2, 4], 13.0, 30, 2),
    PartLengths(HOSTILE, [0, 0, 0, 1, 0]),
]
EDGES = [0, 4, 8, 16, 24, 96]


def matrix(size):
    counts = [[(7 * i + 11 * j) % 13 for j in range(size)] for i in range(size)]
    return Matrix("confusions", Confusions([HOSTILE, *(f"label {i}" for i in range(1, size))], counts))


PLOTS = [matrix(2), matrix(13), Reliability("sure", BINS), Histogram("long", EDGES, LENGTHS, 32)]


def html_of(plot):
    return to_html(Page("t", [], [], [Section("s", "S", [plot])]))


def svgs(html):
    main = html[html.index("<main>") : html.index("</main>")]
    return [ET.fromstring(part[: part.index("</svg>") + 6]) for part in map("<svg{}".format, main.split("<svg")[1:])]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.kind)
def test_drawings_are_whole_svg_whose_text_is_text(plot):
    html = html_of(plot)
    drawing = svgs(html)[-1]
    assert drawing.get("role") == "img"
    assert plot.description in drawing.get("aria-label")
    assert [each.text for each in drawing.iter("text")]
    assert "<script" not in html
    width, height = map(float, drawing.get("viewBox").split()[2:])
    for text in drawing.iter("text"):
        if text.get("x"):
            assert 0 <= float(text.get("x")) <= width
            assert 0 <= float(text.get("y")) <= height


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.kind)
def test_markdown_has_the_numbers_of_the_drawing_in_the_table_that_the_page_has(plot):
    markdown, html = to_markdown(Page("t", [], [], [Section("s", "S", [plot])])), html_of(plot)
    rows = [line for line in markdown.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(plot.table.rows)
    assert html[html.index("<tbody>") :].count("<tr>") == len(rows)
    for line, cells in zip(rows, plot.table.rows, strict=True):
        assert all(cell.text.replace("\u00a0", " ") in line for cell in cells[1:])


def test_fields_of_a_small_matrix_show_counts_and_shares_and_of_a_large_one_shares():
    small, large = matrix(2), matrix(13)
    assert [field.texts for field in small.fields] == [[], ["11", "100%"], ["7", "58%"], ["5", "42%"]]
    assert not large.shows_counts
    for (i, j), field in zip(product(range(13), repeat=2), large.fields, strict=True):
        number, whole = large.found.counts[i][j], sum(large.found.counts[i])
        assert field.texts == ([f"{100 * number / whole:.0f}"] if number else [])
        assert field.is_right is (i == j)


def test_almost_all_is_not_all_and_almost_nothing_is_not_nothing():
    assert [whole_percent(share) for share in (0.001, 0.5, 0.999, 1)] == [
        "<1\u00a0%",
        "50\u00a0%",
        "99\u00a0%",
        "100\u00a0%",
    ]
    assert shorten("dokujo-tsushin", 60) == "dokujo-…"
    assert shorten("short", 60) == "short"


def test_bars_of_the_reliability_diagram_are_as_high_as_answers_are_right():
    drawn = Reliability("sure", BINS)
    _, top, _, bottom = drawn.box
    for bar, of in zip(drawn.bars, BINS, strict=True):
        assert (bottom - bar.top) / (bottom - top) == pytest.approx(of.accuracy, abs=1e-3)
        assert (bottom - bar.mean[1]) / (bottom - top) == pytest.approx(of.mean_probability, abs=1e-3)
    assert drawn.error == pytest.approx((3 * 0.25 + 900 * 0.059) / 903)


def test_bars_of_the_histogram_are_shares_and_the_cut_stands_between_its_edges():
    drawn = Histogram("long", EDGES, LENGTHS, 32)
    heights = [bar.height for bar in drawn.bars]
    assert heights[1] / heights[0] == pytest.approx(2, abs=0.02)
    assert [bar.is_cut for bar in drawn.bars] == [False, False, False]
    assert drawn.x(4) < drawn.cut_at < drawn.x(5)
    assert Histogram("long", EDGES, LENGTHS, 24).cut_at == drawn.x(4)
    assert [bar.is_cut for bar in Histogram("long", EDGES, LENGTHS, 24).bars] == [False, False, True]
    assert Histogram("long", EDGES, LENGTHS, 96).cut_at is None
    assert Histogram("long", EDGES, LENGTHS, None).cut_at is None
