"""Scores and files of the answers to the test rows, and tests of the difference between any two models."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice
from pathlib import Path

from mamebert.evaluation.metrics.bootstrap import Measure, compare_measures
from mamebert.evaluation.metrics.spread import mean_and_spread
from mamebert.files.disk import write_text
from mamebert.labelled.data_tables import texts_in
from mamebert.results.labelled import Comparison, MetricScores, Spread
from mamebert.tasks import Answer
from mamebert.tasks.data.features import Example

MOST_ASKED = 200
"""Characters."""


def scores_of(measures: Iterable[Measure]) -> dict[str, float]:
    """Return the score of each measure by its name."""
    return {measure.name: measure.score for measure in measures}


def over_seeds(scores: Sequence[Mapping[str, float]]) -> MetricScores:
    """Return mean and sample standard deviation over the seeds, for each measure."""
    found = {name: mean_and_spread([each[name] for each in scores]) for name in scores[0]}
    return {name: Spread(mean=each.mean, spread=each.deviation) for name, each in found.items()}


def comparisons(measured: Mapping[str, Measure], seed: int) -> Iterator[Comparison]:
    """Yield for every two names how far the first is above the second on the same rows."""
    for a, b in combinations(measured, 2):
        found = compare_measures(measured[b], measured[a], seed=seed)  # a minus b
        yield Comparison(a=a, b=b, difference=found.difference, interval=list(found.interval), p=found.p_value)


def write_answers(path: Path, examples: Sequence[Example], answers: Sequence[Answer]) -> None:
    """Write a line of JSON for each answer: the row's number in its source, the right answer, and what was asked.

    Of what was asked only the beginning, so that a reader knows the row.
    """
    lines = [
        json.dumps({"row": example.row, **found, "gold": example.gold, "asked": _asked(example)}, ensure_ascii=False)
        for example, found in zip(examples, answers, strict=True)
    ]
    path.parent.mkdir(exist_ok=True)
    write_text(path, "\n".join(lines) + "\n")


def _asked(example: Example) -> str:
    told = " / ".join(islice((text[:MOST_ASKED] for text in texts_in(example.inputs)), MOST_ASKED))
    return " ".join(told.split())[:MOST_ASKED]
