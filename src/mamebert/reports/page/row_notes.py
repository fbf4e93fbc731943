"""Notes on labelled rows to be read before scores are believed, for page and card."""

from collections.abc import Iterator

from mamebert.reports.readings.run_json import listed, value_at
from mamebert.reports.text.number_format import count, is_number, percent
from mamebert.runs import Run


def row_notes(run: Run, only: str = "") -> list[str]:
    """Return what was left out, cannot be answered, was learnt from, is shared out otherwise, or is unknown.

    `only` is the name of a model in the run's results: then the pieces unknown to others are not told.
    """
    return [*_left_out(run), *_repeated(run), *_shifted(run), *_unanswerable(run), *_unknown(run, only)]


def _left_out(run: Run) -> Iterator[str]:
    for source, reasons in value_at(run.results, "unusable_rows", {}).items():
        yield f"Left out of {source}: {_listed(reasons)}."


def _repeated(run: Run) -> Iterator[str]:
    for part, found in value_at(run.results, "repeated_rows", {}).items():
        rows, size = value_at(found, "rows", 0), value_at(run.results, "rows", {}).get(part)
        share = f" ({percent(rows / size)})" if size else ""
        flattered = ", so its scores flatter the models" if part != "valid" else ""
        yield (
            f"{count(rows)} rows of {part}{share} are in the training part too{flattered}; "
            f"{count(value_at(found, 'with_another_answer', 0))} of them have another answer there."
        )


def _shifted(run: Run) -> Iterator[str]:
    for part, found in value_at(run.results, "label_shift", {}).items():
        shares = f"{percent(value_at(found, part, 0))} of {part} and {percent(value_at(found, 'train', 0))} of train"
        yield f"Labels are shared out otherwise than in training: {value_at(found, 'label')} is {shares}."


def _unanswerable(run: Run) -> Iterator[str]:
    for source, reasons in value_at(run.results, "unseen", {}).items():
        yield f"Counted as wrong in {source}: {_listed(reasons)}."


def _unknown(run: Run, only: str) -> Iterator[str]:
    told: dict[str, float] = {}
    for model in listed(run.results, "models"):
        name, rate = str(value_at(model, "name", "")), value_at(model, "unknown_rate")
        if is_number(rate) and (not only or name == only):
            told[name] = max(float(rate), told.get(name, 0.0))
    for rate in dict.fromkeys(told.values()):
        names = [name for name, its in told.items() if its == rate]
        of = "" if only or len(names) == len(told) else f" by {', '.join(names)}"
        yield f"{percent(rate)} of the pieces of the rows are unknown words, which are read as [UNK]{of}."


def _listed(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count(number)} with {why}" for why, number in reasons.items())
