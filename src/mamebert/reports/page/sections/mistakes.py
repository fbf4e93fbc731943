"""What the best model of each task takes for what, and some rows that it answers wrongly."""

from collections import Counter
from pathlib import Path
from typing import Any

from mamebert.files.json_files import parse
from mamebert.files.names import file_name
from mamebert.reports.page.story import Story
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.text.blocks import Block, Section, Table, cells
from mamebert.reports.text.number_format import count

MOST_LABELS, MOST_ROWS, MOST_TASKS = 12, 10, 3
MOST_CHARACTERS = 120


def tell(story: Story) -> list[Section]:
    """Return the section on wrong answers; none where answers are no labels, or are not kept."""
    blocks = [block for task in story.tasks[:MOST_TASKS] for block in _of(task)]
    return [Section("mistakes", "Wrong answers", blocks)] if blocks else []


def _of(task: Task) -> list[Block]:
    best = task.best_encoder
    if best is None:
        return []
    answers = _read(task.run.final / "answers" / f"{file_name(best.record)}.jsonl")
    pairs = Counter((each["gold"], each["label"]) for each in answers)
    labels = [label for label in task.labels if any(label in pair for pair in pairs)]
    wrong = [each for each in answers if each["gold"] != each["label"]]
    if not wrong:
        return []
    blocks: list[Block] = (
        [] if len(labels) > MOST_LABELS else [_confusion(f"{best.short}: {task.title}", labels, pairs)]
    )
    surest = sorted(wrong, key=lambda each: -float(each.get("probability", 0)))[:MOST_ROWS]
    rows = [
        cells(each["gold"], each["label"], _asked(each), str(each["row"]), f"{each.get('probability', 0):.3f}")
        for each in surest
    ]
    title = f"{count(len(wrong))} of {count(len(answers))} rows are answered wrongly; those {best.short} is surest of"
    header = ["Right", "BaselineAnswers", "Text", "Row (from 0)", "Probability"]
    if not any(each.get("asked") for each in surest):  # answers of an earlier version
        header, rows = [*header[:2], *header[3:]], [[*row[:2], *row[3:]] for row in rows]
    return [*blocks, Table(title, header, rows, num_text_columns=len(header) - 2)]


def _asked(answer: dict[str, Any]) -> str:
    """Return the beginning of what was asked, on one line and with nothing that cannot be seen."""
    told = " ".join(str(answer.get("asked", "")).split())
    seen = "".join(character if character.isprintable() else "�" for character in told[: MOST_CHARACTERS + 1])
    return seen if len(seen) <= MOST_CHARACTERS else f"{seen[:MOST_CHARACTERS]} …"


def _confusion(title: str, labels: list[str], pairs: Counter[tuple[str, str]]) -> Table:
    rows = [cells(gold, *(count(pairs[gold, found]) for found in labels)) for gold in labels]
    return Table(
        f"What is taken for what. {title}", ["Right", *labels], rows, groups=[("", 1), ("answered", len(labels))]
    )


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [parse(line, finite=False) for line in path.read_bytes().split(b"\n") if line]
    except (OSError, ValueError):
        return []  # the page is of a run whose answers were taken away
    told = [each for each in lines if isinstance(each, dict)]
    return [each for each in told if isinstance(each.get("gold"), str) and isinstance(each.get("label"), str)]
