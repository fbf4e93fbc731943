"""What encoders were asked by probes: the figures of each, and tables of what they are made of."""

from collections import Counter
from collections.abc import Sequence

from mamebert.probes import Probe
from mamebert.reports.page.probe_plots import is_drawn_with_its_texts, maps_of, plotted
from mamebert.reports.page.probe_tables import compared, overall
from mamebert.reports.page.story import Story
from mamebert.reports.text.blocks import Answers, Block, Example, Examples, Fold, Section
from mamebert.results.probe import ProbedModel, ProbeResults

MAPS = "Where tokens look (row) and at what (column), head by head"
UNIT = "probability, or score"
"""Of examples of runs that did not tell it yet."""
MOST_EXAMPLES = 12
MOST_ROWS = 20
"""Longer tables are folded away until a reader asks."""


def tell(story: Story) -> list[Section]:
    """Return the section on what encoders know; none where no probe has asked."""
    blocks = [block for run in story.of("probe") for block in _of(ProbeResults.read(run.results))]
    lead = "Questions put to models as they are."
    return [Section("probe", "What the encoders know", blocks, lead)] if blocks else []


def _of(results: ProbeResults) -> list[Block]:
    kind = results.kind or ""
    about = Probe.find(kind).about if kind in Probe.names() else kind
    blocks: list[Block] = [overall(kind, results.models)] if results.models else []
    titles = dict.fromkeys(table.title for model in results.models for table in model.tables)
    for title in titles:
        is_name = not title[1:].partition(" ")[0].islower()
        caption = f"{about}: {title if is_name else title[:1].lower() + title[1:]}"
        blocks += plotted(caption, title, results.models)
        if is_drawn_with_its_texts(title, results.models):
            continue
        table = compared(caption, title, results.models)
        blocks.append(Fold(f"{title}: {len(table.rows)}", [table]) if len(table.rows) > MOST_ROWS else table)
    names = {model.name: model.name if len(results.models) > 1 else "" for model in results.models}
    drawn = [
        each for model in results.models for found in model.maps for each in maps_of(MAPS, names[model.name], found)
    ]
    return [*blocks, *drawn, *_examples(about, results.models)]


def _examples(about: str, models: Sequence[ProbedModel]) -> list[Block]:
    """Return the texts of a probe by their headings, those of all encoders together where they have the same prompt."""
    found: dict[tuple[str, str], dict[str, list[Answers]]] = {}
    for model in models:
        told = Counter[str]()
        for each in model.examples:
            told[each.about] += 1
            if told[each.about] <= MOST_EXAMPLES:
                under = found.setdefault((each.about or about, each.unit or (UNIT if each.answers else "")), {})
                under.setdefault(each.prompt, []).append(Answers(model.name if len(models) > 1 else "", each.answers))
    return [
        Examples(title, [Example(prompt, answers) for prompt, answers in under.items()], unit=unit)
        for (title, unit), under in found.items()
    ]
