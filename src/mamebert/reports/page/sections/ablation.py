"""What a choice of settings changes: encoders pretrained with several seeds, one row for each choice."""

from collections.abc import Sequence

from mamebert.reports.page.ablation_verdict import best_of, beyond_chance, measures_of
from mamebert.reports.page.story import Story
from mamebert.reports.plots.dots import Dot, Dots
from mamebert.reports.readings.ablations import ORDER, Choice
from mamebert.reports.text.blocks import Block, Cell, Section, Table, cells
from mamebert.reports.text.number_format import score

LEAD = (
    "Each row is one choice of settings, pretrained with several seeds: mean and standard deviation over them. "
    "Encoders of one choice differ in chance alone, so what is less than their spread tells nothing."
)


def tell(story: Story) -> list[Section]:
    """Return the section on what choices change; none unless two of them were pretrained with several seeds."""
    several = story.choices
    measures = measures_of(several)
    if not measures:
        return []
    blocks: list[Block] = [_table(several, measures), *(_plot(several, name) for name in measures if name != ORDER)]
    return [Section("ablation", "What the settings change", blocks, LEAD)]


def _table(several: Sequence[Choice], measures: Sequence[str]) -> Table:
    best = {name: best_of(several, name) for name in measures}
    rows = [
        [
            Cell(each.name),
            *(Cell(_told(each, name), strong=each is best[name]) for name in measures),
            *cells(str(len(each.encoders))),
        ]
        for each in several
    ]
    notes = [beyond_chance(several, name) for name in measures]
    return Table("By choice of settings", ["Choice", *measures, "Seeds"], rows, notes=notes)


def _told(choice: Choice, measure: str) -> str:
    told = choice.told(measure)
    return score(*told) if told else score(None)


def _plot(several: Sequence[Choice], measure: str) -> Dots:
    dots = [Dot(told[0], told[1] or 0.0) if (told := each.told(measure)) else None for each in several]
    return Dots(f"{measure}, by choice of settings", measure, [each.name for each in several], [("mean ± sd", dots)])
