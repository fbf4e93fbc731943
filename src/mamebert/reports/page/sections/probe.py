"""What encoders were asked by probes: the figures of each, and tables of what they are made of."""

from collections.abc import Sequence

from mamebert.probes import Probe
from mamebert.reports.page.probe_plots import plotted
from mamebert.reports.page.story import Story
from mamebert.reports.text.blocks import Answers, Block, Cell, Example, Examples, Fold, Section, Table
from mamebert.reports.text.number_format import count, score
from mamebert.results.probe import ProbedModel, ProbeResults

MOST_EXAMPLES = 12
MOST_ROWS = 20
"""Longer tables are folded away until a reader asks."""


def tell(story: Story) -> list[Section]:
    """Return the section on what encoders know; none where no probe has asked."""
    blocks = [block for run in story.of("probe") for block in _of(ProbeResults.read(run.results))]
    lead = "What encoders know before they learn any task."
    return [Section("probe", "What the encoders know", blocks, lead)] if blocks else []


def _of(results: ProbeResults) -> list[Block]:
    kind = results.kind or ""
    about = Probe.find(kind).about if kind in Probe.names() else kind
    blocks: list[Block] = [_overall(about, results.models)] if results.models else []
    titles = dict.fromkeys(table.title for model in results.models for table in model.tables)
    for title in titles:
        caption = f"{about}: {title[:1].lower()}{title[1:]}"
        blocks += plotted(caption, title, results.models)
        table = _compared(caption, title, results.models)
        blocks.append(Fold(f"{title}: {len(table.rows)}", [table]) if len(table.rows) > MOST_ROWS else table)
    return [*blocks, *_examples(about, results.models)]


def _examples(about: str, models: Sequence[ProbedModel]) -> list[Block]:
    """Return the texts of a probe, those of all encoders together where they have the same prompt."""
    found: dict[str, list[Answers]] = {}
    for model in models:
        for each in model.examples[:MOST_EXAMPLES]:
            found.setdefault(each.prompt, []).append(Answers(model.name if len(models) > 1 else "", each.answers))
    items = [Example(prompt, answers) for prompt, answers in found.items()]
    return [Examples(about, items, unit="probability, or score")] if items else []


def _overall(about: str, models: Sequence[ProbedModel]) -> Table:
    names = list(dict.fromkeys(name for model in models for name in model.figures))
    rows = [[Cell(model.name), *(Cell(_number(model.figures.get(name))) for name in names)] for model in models]
    return Table(about, ["Encoder", *map(_words, names)], rows)


def _compared(caption: str, title: str, models: Sequence[ProbedModel]) -> Table:
    """Return a table with the first figure of every encoder, or with all figures of a single one."""
    rows = {
        model.name: {row.name: row.figures for table in model.tables if table.title == title for row in table.rows}
        for model in models
    }
    names = list(dict.fromkeys(name for found in rows.values() for name in found))
    if len(models) == 1:
        (found,) = rows.values()
        columns = list(dict.fromkeys(column for figures in found.values() for column in figures))
        told = [[Cell(name), *(Cell(_number(found[name].get(column))) for column in columns)] for name in names]
        return Table(caption, ["", *map(_words, columns)], told)
    told = [[Cell(name), *(Cell(_first(found.get(name))) for found in rows.values())] for name in names]
    return Table(caption, ["", *rows], told)


def _first(figures: dict[str, float] | None) -> str:
    return _number(next(iter(figures.values()), None) if figures else None)


def _number(value: float | None) -> str:
    return count(value) if value is not None and float(value).is_integer() and abs(value) > 1 else score(value)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
