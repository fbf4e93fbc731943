"""The answers of a model to the test rows of a task, and what can be counted in them: confusions and calibration."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from mamebert.files.json_files import parse
from mamebert.files.names import file_name
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.text.number_format import is_number

NUM_BINS = 15
"""Of equal width, as in Guo et al. (2017)."""


@dataclass(frozen=True)
class LabelAnswer:
    """One label for one row."""

    gold: str
    label: str
    probability: float | None
    """What the model gives its label; None where the file does not tell."""
    row: str
    """Number of the row in its source."""
    asked: str
    """The beginning of what was asked; "" in files of earlier versions."""

    @property
    def is_right(self) -> bool:
        """Tell whether the label is the right one."""
        return self.gold == self.label


@dataclass(frozen=True)
class Confusions:
    """How often rows of each label (down) are given each label (across)."""

    labels: list[str]
    """The last stands for all others where `num_others` is not 0."""
    counts: list[list[int]]
    num_others: int = 0
    """Labels that the last one sums up."""

    def share(self, row: int, column: int) -> float:
        """Return the share of the rows of a label that are given another; 0 where it has no rows."""
        return self.counts[row][column] / (sum(self.counts[row]) or 1)


@dataclass(frozen=True)
class Bin:
    """The answers whose probability lies above `low` and at most at `high`."""

    low: float
    high: float
    num_rows: int
    mean_probability: float
    accuracy: float


def read_answers(task: Task, model: Outcome) -> list[LabelAnswer]:
    """Return what a model answered, where answers are labels; nothing where the file is not there any more."""
    try:
        lines = (task.run.final / "answers" / f"{file_name(model.record)}.jsonl").read_bytes().split(b"\n")
        told = [each for line in lines if line and isinstance(each := parse(line, finite=False), dict)]
    except (OSError, ValueError):
        return []  # the page is of a run whose answers were taken away
    found = [each for each in told if isinstance(each.get("gold"), str) and isinstance(each.get("label"), str)]
    spelt = _spellings({each["label"] for each in found} - {each["gold"] for each in found})
    return [
        LabelAnswer(
            each["gold"],
            str(spelt.get(each["label"], each["label"])),
            _probability(each.get("probability")),
            str(each.get("row", "")),
            str(each.get("asked", "")),
        )
        for each in found
    ]


def confusions(answers: Sequence[LabelAnswer], labels: Iterable[str], most: int) -> Confusions:
    """Return the counts for at most that many labels; of more, those with the fewest rows and answers are summed up.

    Labels that neither a row nor an answer has are left out. `labels` gives the order.
    """
    pairs = Counter((each.gold, each.label) for each in answers)
    weights = Counter(label for pair in pairs.elements() for label in pair)
    order = list(dict.fromkeys([*(label for label in labels if label in weights), *sorted(weights)]))
    kept = set(sorted(order, key=lambda label: -weights[label])[: most - 1] if len(order) > most else order)
    drawn = [label for label in order if label in kept]
    num_others = len(order) - len(drawn)
    place = {label: drawn.index(label) if label in kept else len(drawn) for label in order}
    size = len(drawn) + (num_others > 0)
    counts = [[0] * size for _ in range(size)]
    for (gold, label), number in pairs.items():
        counts[place[gold]][place[label]] += number
    return Confusions([*drawn, *([f"{num_others} others"] if num_others else [])], counts, num_others)


def calibration(answers: Sequence[LabelAnswer], num_bins: int = NUM_BINS) -> list[Bin]:
    """Return the answers by their probabilities, in bins of equal width; bins without answers are left out."""
    sorted_in: dict[int, list[LabelAnswer]] = {}
    for each in answers:
        if each.probability is not None:
            sorted_in.setdefault(max(0, ceil(each.probability * num_bins) - 1), []).append(each)
    return [
        Bin(
            number / num_bins,
            (number + 1) / num_bins,
            len(some),
            sum(each.probability or 0.0 for each in some) / len(some),
            sum(each.is_right for each in some) / len(some),
        )
        for number, some in sorted(sorted_in.items())
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean distance between probability and accuracy, each bin as heavy as its rows are many."""
    num_rows = sum(each.num_rows for each in bins)
    return sum(each.num_rows * abs(each.accuracy - each.mean_probability) for each in bins) / num_rows


def _probability(value: object) -> float | None:
    return float(value) if is_number(value) and 0 <= value <= 1 else None  # type: ignore[arg-type, operator]


def _spellings(labels: set[str]) -> dict[str, str]:
    """Return how right answers are spelt that a folder from elsewhere spells otherwise."""
    if not labels:
        return {}
    from mamebert.tasks.data.cells import as_label  # needs torch, which a report can mostly do without

    return {label: as_label(label) for label in labels}
