"""The outcome of a model or a baseline on the test part of a run with labelled rows."""

from dataclasses import dataclass, field
from statistics import mean
from typing import NamedTuple

from mamebert.reports.readings.pretrainings import Pretrained
from mamebert.reports.readings.run_json import finite, first_number
from mamebert.reports.text.number_format import is_number
from mamebert.results.labelled import BaselineResult, MetricScores, Spread, TestedModel


class Score(NamedTuple):
    """One measure on one test part: the mean over the seeds, and the spread where there are several."""

    mean: float
    spread: float | None


Scores = dict[str, Score]
"""By measure."""


@dataclass(frozen=True)
class Outcome:
    """A model or a baseline on the test part of a task."""

    name: str
    measure: str
    """What the task goes by: the first of its measures."""
    scores: Scores
    num_seeds: int = 0
    epoch: float | None = None
    """Pretraining epochs its encoder had seen when it was kept on the way; None for a finished encoder."""
    seen_test_text: bool = False
    seconds: float | None = None
    """Per seed."""
    pretrained: Pretrained | None = None
    record: str = ""
    """Its name in the run's results."""
    random_weights: bool = False
    """Whether it is a shape that was not pretrained."""
    knows_answers: bool = False
    """Whether it read the right answers: a bound, and no peer."""
    has_own_name: bool = False
    """Whether the settings call it otherwise than by its shape or its side."""
    is_model: bool = False
    """Whether it was fine-tuned, by whatever name; a baseline was not."""
    tests: dict[str, Scores] = field(default_factory=dict)
    """On more test parts, by their names."""
    doubts: list[str] = field(default_factory=list)
    """What in its trainings may explain a bad score, as sentences."""

    @property
    def value(self) -> float:
        """Return what the task goes by; higher is better."""
        return self.scores[self.measure].mean

    @property
    def spread(self) -> float | None:
        """Return the standard deviation of `value` over the seeds."""
        return self.scores[self.measure].spread

    @property
    def short(self) -> str:
        """Return the name for a sentence."""
        return self.pretrained.short if self.pretrained and not self.has_own_name else self.name

    @property
    def beginning(self) -> str:
        """Return `short` for the beginning of a sentence: names of models stay as they are, "naive Bayes" does not."""
        is_named = self.pretrained or self.random_weights or (self.is_model and self.name != "model")
        return self.short if is_named else self.short[:1].upper() + self.short[1:]

    @classmethod
    def of(cls, model: TestedModel, measure: str, pretrained: Pretrained | None = None) -> "Outcome | None":
        """Return how a model of finetune or evaluate did; None where it lacks the measure."""
        seeds, scores = model.seeds, scores_of(model.scores, len(model.seeds))
        if measure not in scores:
            return None
        name, random = model.name, model.random_weights
        own = name.removesuffix("-random") if random else name
        is_own = pretrained is not None and own not in ("model", pretrained.side, pretrained.shape, pretrained.name)
        shown = pretrained.name if pretrained and not is_own else own
        return cls(
            name=f"{shown}, random weights" if random else shown,
            measure=measure,
            scores=scores,
            num_seeds=len(seeds),
            epoch=model.epoch,
            seen_test_text=model.seen_test_text,
            seconds=first_number(model.seconds, _mean(finite(seed.seconds for seed in seeds))),
            pretrained=None if random else pretrained,
            record=name,
            random_weights=random,
            has_own_name=is_own,
            is_model=True,
            tests={test: scores_of(found, len(seeds)) for test, found in model.tests.items()},
            doubts=model.doubts,
        )

    @classmethod
    def of_baseline(cls, baseline: BaselineResult, measure: str) -> "Outcome | None":
        """Return how a baseline did; None where it lacks the measure."""
        scores = scores_of(baseline.scores, 0)
        if measure not in scores:
            return None
        return cls(
            name=baseline.name,
            measure=measure,
            scores=scores,
            seen_test_text=baseline.seen_test_text,
            seconds=first_number(baseline.seconds),
            record=baseline.name,
            knows_answers=baseline.knows_answers,
        )


def scores_of(told: MetricScores, num_seeds: int) -> Scores:
    """Return the scores that can be told: numbers, or means with their spreads over the seeds."""
    found: Scores = {}
    for name, value in told.items():
        each = value if isinstance(value, Spread) else Spread(mean=value)
        if each.mean is not None and is_number(each.mean):
            spread = each.spread if num_seeds != 1 and is_number(each.spread) else None
            found[name] = Score(each.mean, spread)
    return found


def fair(tested: list[Outcome]) -> list[Outcome]:
    """Return those that have not seen the test texts; all where all have."""
    return [t for t in tested if not t.seen_test_text] or tested


def _mean(values: list[float]) -> float | None:
    return mean(values) if values else None
