"""Reading what runs wrote down, whatever of it is there."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.progress import say
from mamebert.reports.text.number_format import is_number
from mamebert.runs import Run
from mamebert.runs.metrics import read_lines
from mamebert.runs.record import read_record

MISREAD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of numbers, texts and tables that are of another kind than stages write."""


DRAWN = (
    "step",
    "tokens",
    "seconds",
    "mlm_loss",
    "heldout_mlm_loss",
    "order_gain",
    "contrast_loss",
    "heldout_contrast_loss",
)
"""What in a line of metrics.jsonl is a number wherever it stands, and is drawn."""


@contextmanager
def as_written(runs: Iterable[Path]) -> Iterator[None]:
    """Turn what goes wrong with results that no stage has written so into one UserError."""
    try:
        yield
    except MISREAD as error:
        folders = ", ".join(map(str, runs))
        raise UserError(
            f"What is written down in {folders} cannot be told: something in a run.json or metrics.jsonl there is of "
            f"another kind than stages write ({error}). Undo what was changed, or run those stages again."
        ) from error


def value_at(value: Any, path: str, default: Any = None) -> Any:
    """Return what lies at a dotted path inside nested dictionaries, or the default."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return default if value is None else value


def listed(value: Any, path: str) -> list[Any]:
    """Return the list at a dotted path; an empty one where there is none."""
    found = value_at(value, path, [])
    return list(found) if isinstance(found, list | tuple) else []


def finite(values: Iterable[float | None]) -> list[float]:
    """Return the values that are there, and are numbers."""
    return [float(value) for value in values if value is not None and is_number(value)]


def first_number(*values: Any) -> float | None:
    """Return the first of the values that is a number."""
    return next((float(v) for v in values if is_number(v)), None)


def metrics_of(run: Run) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl that can be read; of others, the first is told and how many there are.

    A run that is finished ends its last line: one that is torn is damaged, where a stage that resumes leaves it out.
    """
    path = run.folder / "metrics.jsonl"
    lines = list(read_lines(path))
    wrong = [number for number, line in enumerate(lines, 1) if line is None or not _is_of_numbers(line)]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        say(
            f"{path} is damaged (line {wrong[0]}{more} cannot be read, or has no number where one belongs): the curves "
            "are drawn without it. Run the stage again for whole ones."
        )
    return [line for line in lines if line is not None]


def _is_of_numbers(line: Mapping[str, Any]) -> bool:
    # NaN is a number that a stage may write.
    return all(isinstance(line.get(name, 0.0), int | float) and not isinstance(line.get(name), bool) for name in DRAWN)


def record_of(run: Run) -> dict[str, Any]:
    """Return run.json whole: versions, machine and date are only told there."""
    return read_record(run.folder) or {}


def runs_behind(run: Run) -> list[Run]:
    """Return the finished runs that a run was made from, nearest first, as far as their folders are still there."""
    found: dict[str, Run] = {}
    waiting = [run]
    while waiting:
        for entry in waiting.pop(0).inputs.values():
            earlier = run_around(Path(entry.get("path", "")))
            if earlier and earlier.id not in found:
                found[earlier.id] = earlier
                waiting.append(earlier)
    return list(found.values())


def run_around(path: Path) -> Run | None:
    """Return the finished run that a folder is, or lies in; None where none can be read."""
    try:
        return Run.around(path)
    except UserError:  # made by another version, or damaged
        return None
