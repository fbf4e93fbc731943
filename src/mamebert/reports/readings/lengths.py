"""The lengths of the rows of a task, as its run counted them for each of its models."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.run_json import first_number, listed, value_at


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
    for model in listed(task.run.results, "models"):
        told, name = value_at(model, "lengths"), str(value_at(model, "name", ""))
        one = _read(told, name) if told and not value_at(model, "random_weights") else None
        same = [each for each in found if one and (each.edges, each.parts, each.max_length) == _key(one)]
        if same:
            same[0].models.append(name)
        elif one:
            found.append(one)
    return found


def _key(lengths: Lengths) -> tuple[list[int], list[PartLengths], int | None]:
    return lengths.edges, lengths.parts, lengths.max_length


def _read(told: Any, name: str) -> Lengths | None:
    edges = listed(told, "edges")
    if not all(_is_whole(edge) for edge in edges) or any(low >= high for low, high in pairwise(edges)):
        return None
    parts = [
        PartLengths(
            str(part),
            counts,
            first_number(value_at(each, "median")),
            _whole_at(each, "longest"),
            _whole_at(each, "cut"),
        )
        for part, each in value_at(told, "parts", {}).items()
        if len(counts := listed(each, "counts")) == len(edges) - 1 and all(_is_whole(number) for number in counts)
    ]
    parts = [part for part in parts if part.num_rows]
    return Lengths([name], edges, parts, _whole_at(told, "max_length") or None) if parts else None


def _whole_at(value: Any, path: str) -> int | None:
    found = value_at(value, path)
    return found if _is_whole(found) else None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
