"""From rows to lines of JSON: what `mamebert predict` writes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mamebert.corpus.readers import Row
from mamebert.progress import Meter, say
from mamebert.serving.answer_tables import Format
from mamebert.serving.begun import Begun
from mamebert.serving.load import Model
from mamebert.serving.outputs import opened
from mamebert.serving.spelling import as_json


def predict(
    model: Model,
    items: Iterable[Row | str],
    out: Path | None,
    show_progress: bool,
    form: Format = "jsonl",
    begun: Begun | None = None,
) -> None:
    """Write a row for each item, to a file or to standard output; tell on stderr what was not answered.

    It has the text where a bare text was asked, else the row's number (from 0), its `id` where it has one and its text
    where the task reads one only; then the answer. Items whose answers `begun` finds in the file are not asked again.
    """
    begun = begun or Begun()
    with opened(out, form, begun) as file:
        unanswered, num_rows = begun.unanswered.copy(), begun.num_rows
        with Meter("predict", None, "rows", num_rows) if show_progress else nullcontext() as meter:
            for line in answered(model, items, begun.num_rows):
                num_rows += 1
                if "unanswered" in line:
                    unanswered[line["unanswered"]] += 1
                file.write(as_json(line) + "\n")
                if meter:
                    meter.advance()
    _tell(model, unanswered, num_rows - unanswered.total())


def _tell(model: Model, unanswered: Counter[str], num_answered: int) -> None:
    if model.num_truncated:
        most = f"the {model.task.max_length} tokens of task.max_length"
        say(f"Texts longer than {most}, of which only the beginning was read: {model.num_truncated:,}.")
    if unanswered:
        reasons = ", ".join(f"{count:,} with {why}" for why, count in sorted(unanswered.items()))
        say(f"Rows not answered: {reasons}; {num_answered:,} are answered.")
    if told := model.tokenizer.unknown.told("what was asked"):
        say(told)


def answered(model: Model, items: Iterable[Row | str], skip: int = 0) -> Iterator[dict[str, Any]]:
    """Yield for each item behind the first `skip` ones what names it and the answer."""
    for number, (item, answer) in enumerate(model.pairs(items, skip=skip), start=skip):
        yield {**_named(model, item, number), **answer}


def _named(model: Model, item: Row | str, number: int) -> dict[str, Any]:
    if isinstance(item, str):
        return {"text": item}
    told = {"row": number} | ({"id": item["id"]} if "id" in item else {})
    columns = [name for name in model.task.columns() if item.get(name)]
    text = item.get(columns[0]) if len(model.task.columns()) == 1 and columns else None
    return told | ({"text": text} if isinstance(text, str) else {})
