"""Figures of probes as tables: each with its interval, what it is, and no more digits than it has."""

from collections.abc import Mapping, Sequence

from mamebert.probes import Probe
from mamebert.reports.text.blocks import Cell, Table
from mamebert.reports.text.names import lower_first, task_name
from mamebert.reports.text.number_format import NOT_MEASURED, count, percent, score
from mamebert.results.probe import FoundTable, ProbedModel

INTERVAL = "plus_minus"
SMALL = 1e-3
"""Below this, four decimals would leave a digit or none."""
ROUNDED = 5e-5
"""Below this, four decimals are none, and have no sign."""
MANY_UNKNOWN = 0.005
"""Share of unknown pieces that a reader is told of."""

Figures = Mapping[str, float]


def overall(kind: str, models: Sequence[ProbedModel]) -> Table:
    """Return a line for each figure: what it is, and what it is of each encoder."""
    probe = Probe.find(kind) if kind in Probe.names() else None
    names = _figures_of([model.figures for model in models])
    rows = [
        [
            Cell(task_name(name)),
            Cell(probe.explanation(name) if probe else ""),
            *_cells(name, [model.figures for model in models]),
        ]
        for name in names
    ]
    notes = [probe.asks()] if probe else []
    notes += [
        f"{model.name}: {percent(model.unknown_rate)} of the pieces of what was asked are unknown to its tokenizer."
        for model in models
        if model.unknown_rate and model.unknown_rate >= MANY_UNKNOWN
    ]
    if any(_interval(name, model.figures) for model in models for name in names):
        notes.append("± is half of a 95 % interval.")
    title = probe.about if probe else kind
    return Table(title, ["", "What it is", *(model.name for model in models)], rows, notes=notes, num_text_columns=2)


def compared(caption: str, title: str, models: Sequence[ProbedModel]) -> Table:
    """Return a table with one figure of every encoder, the one that is drawn, or with all figures of a single one."""
    tables = {model.name: each for model in models for each in model.tables if each.title == title}
    rows = {model: {row.name: row.figures for row in table.rows} for model, table in tables.items()}
    names = list(dict.fromkeys(name for found in rows.values() for name in found))
    across = {table.plot.x for table in tables.values() if table.plot}  # the names of the rows tell it
    if len(models) == 1:
        (found,) = rows.values()
        columns = [column for column in _figures_of(list(found.values())) if column not in across]
        told = [_cells(column, [found[name] for name in names]) for column in columns]
        lines = [[Cell(name), *(column[number] for column in told)] for number, name in enumerate(names)]
        return Table(caption, ["", *map(task_name, columns)], lines)
    figures = {model: _main(table, across) for model, table in tables.items()}
    told = [_cells(figures[model], [found.get(name, {}) for name in names]) for model, found in rows.items()]
    lines = [[Cell(name), *(column[number] for column in told)] for number, name in enumerate(names)]
    main = next(iter(figures.values()), "")
    shown = (
        f"{caption}, {lower_first(task_name(main))}"
        if main and task_name(main).lower() not in caption.lower()
        else caption
    )
    return Table(shown, ["", *rows], lines)


def _main(table: FoundTable, across: set[str]) -> str:
    """Return the figure that encoders are compared by: what is drawn first, else the first that tells no place."""
    names = [name for row in table.rows for name in row.figures if name not in across]
    drawn = table.plot.y if table.plot else []
    return next((name for name in [*drawn, *names] if name in names), "")


def _figures_of(found: Sequence[Figures]) -> list[str]:
    """Return the names of figures, those of their intervals left out."""
    names = dict.fromkeys(name for figures in found for name in figures)
    kept = dict.fromkeys(name for name in names if not name.endswith(INTERVAL))
    owned = {key for figures in found for name in kept if (key := _interval_of(name, figures))}
    return [name for name in names if name in kept or name not in owned]


def _cells(name: str, found: Sequence[Figures]) -> list[Cell]:
    values = [figures.get(name) for figures in found]
    told = [value for value in values if value is not None]
    whole = all(float(value).is_integer() for value in told) and (
        "layer" in name.split("_") or any(abs(value) > 1 for value in told)
    )
    tiny = all(0 <= value < SMALL for value in told) and any(told)  # probabilities of words, say
    return [
        Cell(_number(value, whole, tiny, _interval(name, figures)))
        for value, figures in zip(values, found, strict=True)
    ]


def _interval(name: str, figures: Figures) -> float | None:
    key = _interval_of(name, figures)
    return figures[key] if key else None


def _interval_of(name: str, figures: Figures) -> str:
    """Return which figure is the interval of another one; that of the first is called by no name."""
    if name == next((each for each in figures if each != INTERVAL and "layer" not in each.split("_")), ""):
        return INTERVAL if INTERVAL in figures else ""
    for key in figures:
        of = key.removesuffix(f"_{INTERVAL}")
        if of != key and name == (of if of in figures else next((n for n in figures if n.startswith(f"{of}_")), "")):
            return key
    return ""


def _number(value: float | None, whole: bool, tiny: bool, interval: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    if whole:
        return count(value)
    if tiny and not interval:
        return f"{value:.2g}"
    return score(value if abs(value) >= ROUNDED else 0.0, interval)
