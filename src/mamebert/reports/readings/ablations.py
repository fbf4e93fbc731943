"""Encoders that were pretrained with several seeds, as one row each: what a setting changes beyond what chance does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from os.path import commonprefix
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from mamebert.reports.readings.pretrainings import Pretrained
from mamebert.reports.readings.run_json import finite, value_at
from mamebert.results.labelled import LabelledResults, Spread
from mamebert.results.pretrain import Epoch
from mamebert.results.probe import ProbeResults
from mamebert.runs import Run

NOT_COMPARED = ("output", "seed")
BITS, HELD_OUT, ORDER = "Bits per character", "Held-out loss", "Order gain"


@dataclass
class Choice:
    """Encoders whose settings differ in the seed alone."""

    encoders: list[Pretrained]
    found: dict[str, list[float]] = field(default_factory=dict)
    """By what was measured, a number for each seed."""

    @cached_property
    def name(self) -> str:
        """Return what the names of their folders have in common: `ltr` of ltr_1, ltr_2 and ltr_3."""
        names = [each.run.final.name for each in self.encoders]
        shared = commonprefix(names)  # noqa: RUF071  # of names, not of paths
        return shared.rstrip("0123456789").rstrip("-_. ") or names[0]

    def told(self, measure: str) -> tuple[float, float | None] | None:
        """Return mean and, over two seeds or more, standard deviation; None where nobody measured it."""
        values = self.found.get(measure, [])
        return (mean(values), stdev(values) if len(values) > 1 else None) if values else None


def choices(encoders: list[Pretrained], runs: list[Run]) -> list[Choice]:
    """Return the encoders by their choice of settings, with what was measured; empty unless two have several seeds."""
    found: dict[str, Choice] = {}
    for each in encoders:
        found.setdefault(_key(each.run), Choice([])).encoders.append(each)
    several = [each for each in found.values() if len(each.encoders) > 1]
    if len(several) < 2:
        return []
    runs_of_all = [each.run for one in several for each in one.encoders]
    of_one_text = len({str(run.settings.get("shards")) for run in runs_of_all}) == 1
    of_one_question = len({_asks_for_the_next(run) for run in runs_of_all}) == 1
    for choice in several:
        last = [each.epochs[-1] if each.epochs else Epoch() for each in choice.encoders]
        bits = finite(epoch.heldout_bits_per_character for epoch in last)
        if bits and of_one_question:
            choice.found[BITS] = bits
        # The loss of a generator says nothing of its discriminator.
        held_out = finite(epoch.heldout_mlm_loss for epoch in last if epoch.heldout_discriminator_loss is None)
        if held_out and of_one_question and of_one_text:  # losses of other vocabularies are other questions too
            choice.found[HELD_OUT] = held_out
        if gains := finite(each.results.order_gain for each in choice.encoders):
            choice.found[ORDER] = gains
    for run in runs:
        _add(several, run)
    return several


def farthest(several: list[Choice], measure: str) -> tuple[Choice, Choice] | None:
    """Return the two choices that differ most beyond their spread, the higher one first; None where none do.

    Beyond the spread: by more than twice the root of the sum of both squared standard errors.
    """
    best: tuple[float, Choice, Choice] | None = None
    for a, b in combinations(several, 2):
        one, other = a.found.get(measure, []), b.found.get(measure, [])
        if len(one) < 2 or len(other) < 2:
            continue
        gap = mean(one) - mean(other)
        error = (stdev(one) ** 2 / len(one) + stdev(other) ** 2 / len(other)) ** 0.5
        if abs(gap) > 2 * error and (best is None or abs(gap) > best[0]):
            best = (abs(gap), *((a, b) if gap > 0 else (b, a)))
    return best and best[1:]


def _key(run: Run) -> str:
    settings: dict[str, Any] = {name: value for name, value in run.settings.items() if name not in NOT_COMPARED}
    return repr(sorted(settings.items()))


def _asks_for_the_next(run: Run) -> bool:
    """Tell whether every token is guessed from those before it, which is another question than a hidden word."""
    return bool(value_at(run.settings, "objective.kind") == "left_to_right_lm")


def _add(several: list[Choice], run: Run) -> None:
    """Add what a probe, or a run on labelled rows, found about encoders."""
    if run.command == "probe":
        for model in ProbeResults.read(run.results).models:
            for figure in list(model.figures.values())[:1]:
                _note(several, model.path, run.final.name, figure)
    elif run.command in ("finetune", "evaluate"):
        results = LabelledResults.read(run.results)
        for tested in results.models:
            score = tested.scores.get(results.measure)
            value = score.mean if isinstance(score, Spread) else score
            if value is not None and not tested.random_weights and tested.epoch is None:
                _note(several, tested.path or "", run.final.name, value)


def _note(several: list[Choice], path: str, measure: str, value: float) -> None:
    for choice in several:
        if any(_is_at(path, each.run) for each in choice.encoders):
            choice.found.setdefault(measure, []).append(value)


def _is_at(path: str, run: Run) -> bool:
    absolute: Callable[[Path], Path] = Path.absolute
    return bool(path) and absolute(run.final) in (absolute(Path(path)), *absolute(Path(path)).parents)
