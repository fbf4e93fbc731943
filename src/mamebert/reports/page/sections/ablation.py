"""What a choice of settings changes: encoders pretrained with several seeds, one row for each choice."""

from collections.abc import Sequence

from mamebert.reports.page.story import Story
from mamebert.reports.plots.dots import Dot, Dots
from mamebert.reports.readings.ablations import BITS, HELD_OUT, ORDER, Choice, choices, farthest
from mamebert.reports.text.blocks import Block, Cell, Section, Table, cells
from mamebert.reports.text.number_format import score

LEAD = (
    "Each row is one choice of settings, pretrained with several seeds: mean and standard deviation over them. "
    "Encoders of one choice differ in chance alone, so what is less than their spread tells nothing."
)
LOW_IS_GOOD = (BITS, HELD_OUT)


def tell(story: Story) -> list[Section]:
    """Return the section on what choices change; none unless two of them were pretrained with several seeds."""
    several = choices(story.pretrained, story.runs)
    measures = list(dict.fromkeys(name for each in several for name in each.found))
    if not measures:
        return []
    blocks: list[Block] = [_table(several, measures), *(_plot(several, name) for name in measures if name != ORDER)]
    return [Section("ablation", "What the settings change", blocks, LEAD)]


def _table(several: Sequence[Choice], measures: Sequence[str]) -> Table:
    best = {name: _best(several, name) for name in measures}
    rows = [
        [
            Cell(each.name),
            *(Cell(_told(each, name), strong=each is best[name]) for name in measures),
            *cells(str(len(each.encoders))),
        ]
        for each in several
    ]
    notes = [note for name in measures for note in _beyond_chance(several, name)]
    return Table("By choice of settings", ["Choice", *measures, "Seeds"], rows, notes=notes)


def _best(several: Sequence[Choice], measure: str) -> Choice | None:
    known = [(told[0], each) for each in several if (told := each.told(measure))]
    if not known:
        return None
    pick = min if measure in LOW_IS_GOOD else max
    return pick(known, key=lambda pair: pair[0])[1]


def _told(choice: Choice, measure: str) -> str:
    told = choice.told(measure)
    return score(*told) if told else score(None)


def _beyond_chance(several: Sequence[Choice], measure: str) -> list[str]:
    pair = farthest(list(several), measure)
    if pair is None:
        return [f"{measure}: no two choices differ by more than twice the standard error of their difference."]
    high, low = pair
    values = [told[0] for each in pair if (told := each.told(measure))]
    return [f"{measure}: {high.name} is {score(values[0] - values[1])} above {low.name}, more than chance explains."]


def _plot(several: Sequence[Choice], measure: str) -> Dots:
    dots = [Dot(told[0], told[1] or 0.0) if (told := each.told(measure)) else None for each in several]
    return Dots(f"{measure}, by choice of settings", measure, [each.name for each in several], [("mean ± sd", dots)])
