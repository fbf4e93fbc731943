"""The outcome of a model or a baseline on the test part of a run with labelled rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import Any, NamedTuple

from mamebert.reports.readings.pretrainings import Pretrained
from mamebert.reports.readings.run_json import first_number, listed, numbers, value_at
from mamebert.reports.text.number_format import is_number


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
    tests: dict[str, Scores] = field(default_factory=dict)
    """On more test parts, by their names."""

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

    @classmethod
    def of(cls, record: Mapping[str, Any], measure: str, pretrained: Pretrained | None = None) -> "Outcome | None":
        """Read a record of the stages finetune and evaluate; None where it lacks the measure."""
        seeds, scores = listed(record, "seeds"), _scores(value_at(record, "scores"), len(listed(record, "seeds")))
        if measure not in scores:
            return None
        name, random = str(record.get("name", "model")), bool(record.get("random_weights"))
        own = name.removesuffix("-random") if random else name
        is_own = pretrained is not None and own not in ("model", pretrained.side, pretrained.shape, pretrained.name)
        shown = pretrained.name if pretrained and not is_own else own
        return cls(
            name=f"{shown}, random weights" if random else shown,
            measure=measure,
            scores=scores,
            num_seeds=len(seeds),
            epoch=value_at(record, "epoch"),
            seen_test_text=bool(record.get("seen_test_text")),
            seconds=first_number(value_at(record, "seconds"), _mean(seeds, "seconds")),
            pretrained=None if random else pretrained,
            record=name,
            random_weights=random,
            knows_answers=bool(record.get("knows_answers")),
            has_own_name=is_own,
            tests={str(test): _scores(found, len(seeds)) for test, found in value_at(record, "tests", {}).items()},
        )


def _scores(told: Any, num_seeds: int) -> Scores:
    """Return the scores of a record: numbers, or means with their spreads over the seeds."""
    found: Scores = {}
    for name, value in (told or {}).items():
        number, spread = value_at(value, "mean", value), value_at(value, "spread")
        if is_number(number):
            found[str(name)] = Score(float(number), float(spread) if num_seeds != 1 and is_number(spread) else None)
    return found


def fair(tested: list[Outcome]) -> list[Outcome]:
    """Return those that have not seen the test texts; all where all have."""
    return [t for t in tested if not t.seen_test_text] or tested


def _mean(records: list[Any], key: str) -> float | None:
    values = numbers(records, key)
    return mean(values) if values else None
