"""Confusions of the best model of each task, and some rows that it answers wrongly."""

from mamebert.reports.page.story import Story
from mamebert.reports.plots.matrix import Matrix
from mamebert.reports.readings.answers import LabelAnswer, confusions, read_answers
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.text.blocks import Block, Section, Table, cells
from mamebert.reports.text.number_format import GLUE, NOT_MEASURED, count

MOST_LABELS, MOST_ROWS, MOST_TASKS = 12, 10, 3
MOST_CHARACTERS = 120


def tell(story: Story) -> list[Section]:
    """Return the section on right and wrong answers; none where answers are no labels, or are not kept."""
    blocks = [block for task in story.tasks[:MOST_TASKS] for block in _of(task, len(story.tasks) > 1)]
    lead = "Each row of the matrix is a right label, each column what the model says; shades are shares of the row."
    return [Section("mistakes", "Right and wrong answers", blocks, lead)] if blocks else []


def _of(task: Task, several: bool) -> list[Block]:
    best = task.best_encoder
    answers = read_answers(task, best) if best else []
    if not answers or best is None:
        return []
    of_task = f"{task.name}: " if several else ""
    found = confusions(answers, task.labels, MOST_LABELS)
    others = f"; {found.num_others} rarer labels are summed up, mix-ups among them too" if found.num_others else ""
    matrix = Matrix(f"{of_task}Confusion matrix of {best.short}{others}", found)
    wrong = [each for each in answers if not each.is_right]
    return [matrix, _errors(best.short, of_task, wrong, len(answers))] if wrong else [matrix]


def _errors(model: str, of_task: str, wrong: list[LabelAnswer], num_rows: int) -> Table:
    surest = sorted(wrong, key=lambda each: -(each.probability or 0.0))[:MOST_ROWS]
    rows = [
        cells(
            f"✓{GLUE}{each.gold}",
            f"✗{GLUE}{each.label}",
            _asked(each.asked),
            each.row,
            NOT_MEASURED if each.probability is None else f"{each.probability:.3f}",
        )
        for each in surest
    ]
    title = f"{of_task}{count(len(wrong))} of {count(num_rows)} rows are answered wrongly; those {model} is surest of"
    header = ["Right label", "The model's label", "Text", "Row (from 0)", "Probability"]
    if not any(each.asked for each in surest):  # answers of an earlier version
        header, rows = [*header[:2], *header[3:]], [[*row[:2], *row[3:]] for row in rows]
    return Table(title, header, rows, num_text_columns=len(header) - 2)


def _asked(text: str) -> str:
    """Return the beginning of what was asked, on one line and with nothing that cannot be seen."""
    told = " ".join(text.split())
    seen = "".join(character if character.isprintable() else "�" for character in told[: MOST_CHARACTERS + 1])
    return seen if len(seen) <= MOST_CHARACTERS else f"{seen[:MOST_CHARACTERS].rstrip()} …"
