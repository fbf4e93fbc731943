"""What is made of the answers to the test rows, whoever gave them: scores, files, and what tells any two apart."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from mamebert.disk import write_text
from mamebert.evaluation.measures import Measure, compare_measures
from mamebert.tasks import Answer
from mamebert.tasks._features import Example


def scores_of(measures: Iterable[Measure]) -> dict[str, float]:
    """Return the score of each measure by its name."""
    return {measure.name: measure.score for measure in measures}


def comparisons(measured: Mapping[str, Measure], seed: int) -> Iterator[dict[str, Any]]:
    """Yield for every two names how far the first is above the second on the same rows, as a line of results."""
    for a, b in combinations(measured, 2):
        found = compare_measures(measured[b], measured[a], seed=seed)  # a minus b
        line = {"a": a, "b": b, "difference": found.difference, "interval": list(found.interval)}
        yield {**line, "p": found.p_value}


def write_answers(path: Path, examples: Sequence[Example], answers: Sequence[Answer]) -> None:
    """Write a line of JSON for each answer, with the row's number in its source and the right answer."""
    lines = [
        json.dumps({"row": example.row, **found, "gold": example.gold}, ensure_ascii=False)
        for example, found in zip(examples, answers, strict=True)
    ]
    path.parent.mkdir(exist_ok=True)
    write_text(path, "\n".join(lines) + "\n")
