"""How many rows of each label train, choose and test; beside it Table 1 of the paper."""

from mamebert.reports.blocks import Block, Cell, Section, Table, cells
from mamebert.reports.numbers import count, percent
from mamebert.reports.outcomes import Task
from mamebert.reports.paper_tables import SPLIT, SPLIT_NOTE, split_of
from mamebert.reports.records import dig
from mamebert.reports.story import Story

PARTS = ("train", "valid", "test")


def tell(story: Story) -> list[Section]:
    """Return the section on the labelled rows; tasks with equal splits share a table."""
    blocks: list[Block] = []
    shown: list[object] = []
    for task in story.tasks:
        split = dig(task.run.results, "split")
        if split and split not in shown:
            shown.append(split)
            blocks.append(_table(task))
    return [Section("split", "Labelled texts", blocks)] if blocks else []


def _table(task: Task) -> Table:
    split = task.run.results["split"]
    labels = task.labels or list(dict.fromkeys(label for part in PARTS for label in dig(split, part, {})))
    paper = task.is_livedoor
    rows = []
    for label in labels:
        ours = [count(dig(split, part, {}).get(label, 0)) for part in PARTS]
        theirs = cells(*map(count, split_of(label)), quiet=True) if paper else []
        rows.append([*cells(label, *ours), *theirs])
    all_of = cells(*(count(sum(counts[i] for counts in SPLIT.values())) for i in range(3)), quiet=True) if paper else []
    totals = [count(sum(dig(split, part, {}).values())) for part in PARTS]
    rows.append([Cell("All", strong=True), *(Cell(text, strong=True) for text in totals), *all_of])
    title = "Rows by label" if not paper else "Articles by category"
    names = ["train", "validation", "test"]
    return Table(
        title,
        ["Label", *names, *(names if paper else [])],
        rows,
        groups=[("", 1), ("this run", 3), ("paper, Table 1", 3)] if paper else [],
        notes=_notes(task),
    )


def _notes(task: Task) -> list[str]:
    notes = [SPLIT_NOTE] if task.is_livedoor else []
    if task.truncated is not None:
        notes.append(f"{percent(task.truncated)} of the rows are longer than the encoder reads at once.")
    return notes
