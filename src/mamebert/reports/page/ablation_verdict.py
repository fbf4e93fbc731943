"""The first lines on encoders pretrained with several seeds: what there is to choose, and what a choice changes."""

from collections.abc import Sequence

from mamebert.reports.readings.ablations import BITS, HELD_OUT, Choice, farthest
from mamebert.reports.text.blocks import Fact
from mamebert.reports.text.number_format import score

LOW_IS_GOOD = (BITS, HELD_OUT)


def ablation_sentences(several: Sequence[Choice]) -> list[str]:
    """Return what the encoders are, and for each measure whether a choice changes it more than chance does."""
    number, shapes = sum(len(each.encoders) for each in several), {m.shape for each in several for m in each.encoders}
    seeds = {len(each.encoders) for each in several}
    shape = f" of shape {min(shapes)}" if len(shapes) == 1 else ""
    times = f"{min(seeds)} seeds" if len(seeds) == 1 else "several seeds"
    names = ", ".join(each.name for each in several)
    made = f"{number} encoders{shape} were pretrained from scratch, {len(several)} choices with {times} each: {names}."
    return [made, *(beyond_chance(several, name) for name in measures_of(several))]


def ablation_facts(several: Sequence[Choice]) -> list[Fact]:
    """Return the best choice by each measure."""
    best = [(name, found) for name in measures_of(several) if (found := best_of(several, name))]
    told = [(name, found, found.told(name)) for name, found in best[:4]]
    return [
        Fact(name, score(*numbers), f"best of {len(several)}: {found.name}") for name, found, numbers in told if numbers
    ]


def measures_of(several: Sequence[Choice]) -> list[str]:
    """Return what was measured, in its order."""
    return list(dict.fromkeys(name for each in several for name in each.found))


def best_of(several: Sequence[Choice], measure: str) -> Choice | None:
    """Return the choice with the best mean; None where nobody measured it."""
    known = [(told[0], each) for each in several if (told := each.told(measure))]
    if not known:
        return None
    pick = min if measure in LOW_IS_GOOD else max
    return pick(known, key=lambda pair: pair[0])[1]


def beyond_chance(several: Sequence[Choice], measure: str) -> str:
    """Return which two choices differ most, or that none do."""
    pair = farthest(list(several), measure)
    if pair is None:
        return f"{measure}: no two choices differ by more than twice the standard error of their difference."
    high, low = pair
    values = [told[0] for each in pair if (told := each.told(measure))]
    return f"{measure}: {high.name} is {score(values[0] - values[1])} above {low.name}, more than chance explains."
