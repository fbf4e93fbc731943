"""Training, validation and test rows, by label where answers can be counted; beside it Table 1 of the paper."""

from mamebert.reports.page.row_notes import row_notes
from mamebert.reports.page.story import Story
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.paper_tables import SPLIT, SPLIT_NOTE, split_of
from mamebert.reports.text.blocks import Block, Cell, Fold, Section, Table, cells
from mamebert.reports.text.number_format import count, percent

PARTS = ("train", "valid", "test")
FEW = 3  # sets whose tables stand open


def tell(story: Story) -> list[Section]:
    """Return the section on the labelled rows; tasks with equal splits share a table."""
    blocks: list[Block] = []
    shown: list[object] = []
    for task in story.tasks:
        split = task.results.split
        if split and split not in shown:
            shown.append(split)
            title = _title(task) if len(story.tasks) == 1 else f"{task.name}: {_title(task).lower()}"
            table = _table(task, title)
            blocks.append(Fold(title, [table]) if len(story.tasks) > FEW else table)
    return [Section("rows", "Labelled rows", blocks)] if blocks else []


def _title(task: Task) -> str:
    return "Articles by category" if task.is_livedoor else "Rows by label" if task.labels else "Rows"


def _table(task: Task, title: str) -> Table:
    split = task.results.split
    counted = list(dict.fromkeys(name for part in PARTS for name in split.get(part, {})))
    names = [*(name for name in task.labels if name in counted), *(name for name in counted if name not in task.labels)]
    paper = task.is_livedoor
    rows = []
    for name in names if names != ["rows"] else []:
        ours = [count(split.get(part, {}).get(name, 0)) for part in PARTS]
        theirs = cells(*map(count, split_of(name)), quiet=True) if paper else []
        rows.append([*cells(name, *ours), *theirs])
    all_of = cells(*(count(sum(counts[i] for counts in SPLIT.values())) for i in range(3)), quiet=True) if paper else []
    totals = [count(task.num_rows(part)) for part in PARTS]
    rows.append([Cell("All rows", strong=True), *(Cell(text, strong=True) for text in totals), *all_of])
    parts = ["train", "validation", "test"]
    return Table(
        title,
        ["", *parts, *(parts if paper else [])],
        rows,
        groups=[("", 1), ("this run", 3), ("paper, Table 1", 3)] if paper else [],
        notes=_notes(task),
    )


def _notes(task: Task) -> list[str]:
    notes = [SPLIT_NOTE] if task.is_livedoor else []
    if task.truncated is not None:
        notes.append(f"{percent(task.truncated)} of the rows are longer than the encoder reads at once.")
    return [*notes, *row_notes(task.results)]
