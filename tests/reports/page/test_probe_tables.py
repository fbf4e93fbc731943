"""Figures of probes as tables."""

from mamebert.reports.page.probe_tables import compared, overall
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable, ProbedModel


def model(name="A", figures=None, rows=(), plot=None, **more):
    tables = [FoundTable(title="T", rows=[FoundRow(name=n, figures=each) for n, each in rows], plot=plot)]
    return ProbedModel(name=name, figures=figures or {}, tables=tables, **more)


def texts(table):
    return [[cell.text.replace("\u00a0", " ") for cell in row] for row in table.rows]


def test_every_figure_is_a_line_with_what_it_is_and_its_interval():
    figures = {
        "slope": 0.1, "plus_minus": 0.02, "correlation": 0.5, "correlation_plus_minus": 0.3, "female_share": 0.00012,
        "male_slope": -1e-5,
        "winogender_female": 0.4, "winogender_plus_minus": 0.01,
    }  # fmt: skip
    table = overall("gender", [model(figures=figures, unknown_rate=0.25)])
    assert [[row[0], row[2]] for row in texts(table)] == [
        ["Slope", "0.1000 ± 0.0200"],
        ["Correlation", "0.5000 ± 0.3000"],
        ["Female share", "0.00012"],
        ["Male slope", "0.0000"],
        ["Winogender female", "0.4000 ± 0.0100"],
    ]
    assert all(row[1] for row in texts(table))
    assert any("25.0" in note and "unknown" in note for note in table.notes)


def test_layers_and_counts_have_no_decimals_and_shares_of_one_do():
    table = overall("similarity", [model(figures={"spearman": 1.0, "best_layer": 1.0, "pairs": 1379.0})])
    assert [row[2] for row in texts(table)] == ["1.0000", "1", "1,379"]
    assert overall("of another version", [model(figures={"x": 0.5})]).notes == []


def test_encoders_are_compared_by_what_is_drawn_and_never_by_its_place():
    rows = [("layer 1", {"layer": 1.0, "as_they_are": 0.1, "centred": 0.3}), ("mean", {"centred": 0.4})]
    plot = FoundPlot(kind="curves", x="layer", y=["centred"])
    table = compared("C", "T", [model("A", rows=rows, plot=plot), model("B", rows=rows, plot=plot)])
    assert texts(table) == [["layer 1", "0.3000", "0.3000"], ["mean", "0.4000", "0.4000"]]
    assert table.caption == "C, centred"
    bare = compared("C", "T", [model("A", rows=rows), model("B", rows=rows)])
    assert texts(bare)[0][1] == "1", "where nothing is drawn, the first figure counts"


def test_one_encoder_has_all_figures_but_where_they_are_drawn():
    rows = [("layer 1", {"layer": 1.0, "accuracy": 0.5, "plus_minus": 0.1, "control": 0.2})]
    table = compared("C", "T", [model(rows=rows, plot=FoundPlot(kind="curves", x="layer", y=["accuracy"]))])
    assert table.header == ["", "Accuracy", "Control"]
    assert texts(table) == [["layer 1", "0.5000 ± 0.1000", "0.2000"]]
