"""The lengths of the rows of a task, as its run counted them for each of its models."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.run_json import first_number
from mamebert.results.labelled import RowLengths


@dataclass(frozen=True)
class PartLengths:
    """How many rows of a part lie between any two edges."""

    name: str
    counts: Sequence[int]
    median: float | None = None
    longest: int | None = None
    cut: int | None = None
    """Rows of which not all is read."""

    @property
    def num_rows(self) -> int:
        """Return the rows of the part."""
        return sum(self.counts)

    def share(self, place: int) -> float:
        """Return the share of rows between two edges."""
        return self.counts[place] / (self.num_rows or 1)


@dataclass(frozen=True)
class Lengths:
    """Lengths in the tokens of one vocabulary."""

    models: list[str]
    """Those that read the rows so, by their names in the run's results."""
    edges: list[int]
    parts: list[PartLengths]
    max_length: int | None


def lengths_of(task: Task) -> list[Lengths]:
    """Return the lengths, once for all models that see the same; none where a run of an earlier version has none."""
    found: list[Lengths] = []
    for model in task.results.models:
        one = _read(model.lengths, model.name) if model.lengths and not model.random_weights else None
        same = [each for each in found if one and (each.edges, each.parts, each.max_length) == _key(one)]
        if same:
            same[0].models.append(model.name)
        elif one:
            found.append(one)
    return found


def _key(lengths: Lengths) -> tuple[list[int], list[PartLengths], int | None]:
    return lengths.edges, lengths.parts, lengths.max_length


def _read(told: RowLengths, name: str) -> Lengths | None:
    edges = told.edges
    if any(edge < 0 for edge in edges) or any(low >= high for low, high in pairwise(edges)):
        return None
    parts = [
        PartLengths(part, each.counts, first_number(each.median), each.longest, each.cut)
        for part, each in told.parts.items()
        if len(each.counts) == len(edges) - 1 and all(number >= 0 for number in each.counts)
    ]
    parts = [part for part in parts if part.num_rows]
    return Lengths([name], edges, parts, told.max_length or None) if parts else None
