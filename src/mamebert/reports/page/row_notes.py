"""Notes on labelled rows to be read before scores are believed, for page and card."""

from collections.abc import Iterator

from mamebert.reports.text.number_format import count, is_number, percent
from mamebert.results.labelled import LabelledResults


def row_notes(results: LabelledResults, only: str = "") -> list[str]:
    """Return what was left out, cannot be answered, was learnt from, is shared out otherwise, or is unknown.

    `only` is the name of a model in the run's results: then the pieces unknown to others are not told.
    """
    return [
        *_left_out(results),
        *_repeated(results),
        *_shifted(results),
        *_unanswerable(results),
        *_unknown(results, only),
    ]


def _left_out(results: LabelledResults) -> Iterator[str]:
    for source, reasons in results.unusable_rows.items():
        yield f"Left out of {source}: {_listed(reasons)}."


def _repeated(results: LabelledResults) -> Iterator[str]:
    for part, found in results.repeated_rows.items():
        size = results.rows.get(part)
        share = f" ({percent(found.rows / size)})" if size else ""
        flattered = ", so its scores flatter the models" if part != "valid" else ""
        yield (
            f"{count(found.rows)} rows of {part}{share} are in the training part too{flattered}; "
            f"{count(found.with_another_answer)} of them have another answer there."
        )


def _shifted(results: LabelledResults) -> Iterator[str]:
    for part, found in results.label_shift.items():
        shares = f"{percent(found.get(part, 0))} of {part} and {percent(found.get('train', 0))} of train"
        yield f"Labels are shared out otherwise than in training: {found.get('label')} is {shares}."


def _unanswerable(results: LabelledResults) -> Iterator[str]:
    for source, reasons in results.unseen.items():
        yield f"Counted as wrong in {source}: {_listed(reasons)}."


def _unknown(results: LabelledResults, only: str) -> Iterator[str]:
    told: dict[str, float] = {}
    for model in results.models:
        rate = model.unknown_rate
        if rate is not None and is_number(rate) and (not only or model.name == only):
            told[model.name] = max(rate, told.get(model.name, 0.0))
    for rate in dict.fromkeys(told.values()):
        names = [name for name, its in told.items() if its == rate]
        of = "" if only or len(names) == len(told) else f" by {', '.join(names)}"
        yield f"{percent(rate)} of the pieces of the rows are unknown words, which are read as [UNK]{of}."


def _listed(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count(number)} with {why}" for why, number in reasons.items())
