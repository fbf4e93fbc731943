"""Tables of probes as drawings, as the probes say."""

from collections.abc import Mapping, Sequence
from itertools import count

from mamebert.reports.plots.attention_map import AttentionMap, SmallMaps, looked_at
from mamebert.reports.plots.chart import ANY, Chart, Line
from mamebert.reports.plots.dots import Dot, Dots
from mamebert.reports.plots.points import Place, Points
from mamebert.reports.text.blocks import Block, Fold, Row
from mamebert.reports.text.names import lower_first, task_name
from mamebert.results.probe import FoundMap, FoundPlot, FoundTable, ProbedModel

Figures = Mapping[str, float]


def plotted(caption: str, title: str, models: Sequence[ProbedModel]) -> list[Block]:
    """Return the drawing of the tables of one title, of every encoder that has one; nothing where none is drawn."""
    tables = {model.name: table for model in models for table in model.tables if table.title == title and table.rows}
    plot = next((table.plot for table in tables.values() if table.plot), None)
    if not plot or not plot.y:
        return []
    if plot.kind == "points":
        return _points(caption, tables)
    drawn = _curves(caption, plot, tables) if plot.kind == "curves" else _dots(caption, plot, tables)
    return [drawn] if drawn else []


def is_drawn_with_its_texts(title: str, models: Sequence[ProbedModel]) -> bool:
    """Tell whether the drawing of these tables has all that a table would tell."""
    plots = [table.plot for model in models for table in model.tables if table.title == title and table.plot]
    return any(plot.kind == "points" for plot in plots)


def maps_of(caption: str, model: str, found: FoundMap) -> list[Block]:
    """Return all heads at a glance, and those of each layer folded away; nothing where no head is told."""
    layers = [
        [head for head in layer if len(head) == len(found.tokens) and all(len(row) == len(head) for row in head)]
        for layer in found.attention
    ]
    if not found.tokens or not any(layers):
        return []
    text = " ".join(found.tokens)
    of = f", {model}" if model else ""
    folds = [
        Fold(
            f"Layer {number}{of}",
            [
                Row([AttentionMap(f"Layer {number}, head {n}{of}", found.tokens, h) for n, h in enumerate(heads, 1)]),
                looked_at(f"Layer {number}{of}: what each token looks at most", found.tokens, heads),
            ],
        )
        for number, heads in enumerate(layers, 1)
        if heads
    ]
    return [SmallMaps(f"{caption}{of}: {text}", layers, len(found.tokens)), *folds]


def _points(caption: str, tables: Mapping[str, FoundTable]) -> list[Block]:
    found: list[Block] = []
    for model, table in tables.items():
        plot = table.plot
        places = [
            Place(row.name, row.label, row.figures[plot.x], row.figures[plot.y[0]])
            for row in table.rows
            if plot and plot.y and {plot.x, plot.y[0]} <= row.figures.keys()
        ]
        if plot and places:
            title = f"{caption}, {model}" if len(tables) > 1 else caption
            found.append(Points(title, plot.x_title or _spelt(plot.x), plot.y_title or _spelt(plot.y[0]), places))
    return [Row(found)] if len(found) > 1 else found


def _dots(caption: str, plot: FoundPlot, tables: Mapping[str, FoundTable]) -> Dots:
    names = list(dict.fromkeys(row.name for table in tables.values() for row in table.rows))
    rows = {model: {row.name: row.figures for row in table.rows} for model, table in tables.items()}
    first, *others = plot.y
    return Dots(
        title=caption,
        x_title=plot.y_title or _spelt(first),
        names=names,
        models=[(model, [_dot(found.get(name), first) for name in names]) for model, found in rows.items()],
        marks=[mark for floor in others for mark in _marks(floor, names, rows)],
        level=None if plot.level is None else (plot.level_name, plot.level),
        bounds=_bounds(plot),
    )


def _marks(
    floor: str, names: Sequence[str], rows: Mapping[str, Mapping[str, Figures]]
) -> list[tuple[str, list[Dot | None]]]:
    """Return the marks of one floor: one for all encoders where it is the same, or one for each."""
    found = {model: [_dot(figures.get(name), floor, "") for name in names] for model, figures in rows.items()}
    distinct = [dots for dots in found.values() if any(dots)]
    if distinct and all(dots == distinct[0] for dots in distinct):
        return [(_spelt(floor), distinct[0])]
    return [(_words(floor, model, len(rows)), dots) for model, dots in found.items() if any(dots)]


def _curves(caption: str, plot: FoundPlot, tables: Mapping[str, FoundTable]) -> Chart | None:
    colours = count()
    lines = [
        Line(
            _words(figure, model, len(tables)) if len(plot.y) > 1 else model,
            [
                (row.figures[plot.x], row.figures[figure])
                for row in table.rows
                if {plot.x, figure} <= row.figures.keys()
            ],
            [row.figures.get("plus_minus") for row in table.rows if {plot.x, figure} <= row.figures.keys()]
            if figure == plot.y[0]
            else (),
            next(colours),
        )
        for model, table in tables.items()
        for figure in plot.y
    ]
    lines = [line for line in lines if line.points]
    if not lines:
        return None
    return Chart(
        title=caption,
        x_title=plot.x_title or _spelt(plot.x),
        y_title=plot.y_title or _spelt(plot.y[0]),
        lines=lines,
        x_scale="count",
        levels=_levels(tables),
        with_marks=True,
        x_from_zero=False,
        bounds=_bounds(plot),
    )


def _levels(tables: Mapping[str, FoundTable]) -> list[tuple[str, float]]:
    """Return the level of all encoders where it is one, or that of each."""
    found = {
        model: (table.plot.level_name, table.plot.level)
        for model, table in tables.items()
        if table.plot and table.plot.level is not None
    }
    if len(set(found.values())) < 2:
        return list(dict.fromkeys(found.values()))
    return [(f"{name} ({model})", level) for model, (name, level) in found.items()]


def _bounds(plot: FoundPlot) -> tuple[float, float]:
    return (plot.bounds[0], plot.bounds[1]) if len(plot.bounds) == 2 else ANY


def _dot(figures: Figures | None, name: str, interval: str = "plus_minus") -> Dot | None:
    if not figures or name not in figures:
        return None
    return Dot(figures[name], figures.get(interval, 0.0))


def _words(figure: str, model: str, num_models: int) -> str:
    return _spelt(figure) if num_models == 1 else f"{_spelt(figure)} ({model})"


def _spelt(name: str) -> str:
    return lower_first(task_name(name))
