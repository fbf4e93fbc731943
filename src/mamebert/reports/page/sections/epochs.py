"""Task scores after each pretraining epoch; beside it Table 3 of the paper."""

from mamebert.reports.page.story import Story
from mamebert.reports.plots.chart import Chart, Line
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.readings.paper_tables import ACCURACY_BY_EPOCH
from mamebert.reports.text.blocks import Block, Cell, Section, Table, cells
from mamebert.reports.text.names import in_a_sentence, measure_name
from mamebert.reports.text.number_format import NOT_MEASURED, score

NEAR = 0.15  # a baseline further below the curves than this would only press them flat


def tell(story: Story) -> list[Section]:
    """Return the section for the tasks whose models were tested after more than one epoch."""
    told = [task for task in story.tasks if any(len(models) > 1 for models in task.by_epoch.values())]
    blocks: list[Block] = [block for task in told for block in (_chart(task), _table(task))]
    measures = {measure_name(task.measure) for task in told}
    title = f"{measures.pop() if len(measures) == 1 else 'Results'} by pretraining epoch"
    lead = "Each encoder is fine-tuned from its checkpoint after every pretraining epoch."
    return [Section("epochs", title, blocks, lead)] if blocks else []


def _chart(task: Task) -> Chart:
    lines = []
    for number, (name, models) in enumerate(task.by_epoch.items()):
        side = models[0].pretrained.side if models[0].pretrained else ""
        colour = {"N": 0, "W": 1}.get(side, number % 6) if len(task.by_epoch) <= 2 else number % 6
        points = [(float(m.epoch or 0), m.value) for m in models]
        lines.append(Line(name, points, [m.spread for m in models], colour))
    lowest = min(y for line in lines for _, y in line.points) - NEAR
    levels = [(b.name, b.value) for b in task.baselines if b.value >= lowest]
    title = f"Test {in_a_sentence(task.measure)} after each pretraining epoch, {task.title}"
    return Chart(
        title,
        "pretraining epoch",
        measure_name(task.measure),
        lines,
        "count",
        "score",
        levels,
        with_marks=True,
        with_numbers=False,
        x_from_zero=False,
    )


def _table(task: Task) -> Table:
    ours = {name: {m.epoch: m for m in models} for name, models in task.by_epoch.items()}
    theirs = ACCURACY_BY_EPOCH if task.is_livedoor and task.measure == "accuracy" else {}
    epochs = sorted(
        {epoch for models in ours.values() for epoch in models if epoch is not None} | set(range(1, 9 if theirs else 1))
    )
    rows = []
    for epoch in epochs:
        row = [Cell(f"{epoch:g}"), *(_cell(models.get(epoch), models) for models in ours.values())]
        for column in theirs.values():
            known = epoch in range(1, len(column) + 1)
            text = score(column[int(epoch) - 1]) if known else NOT_MEASURED
            row.append(Cell(text, strong=known and column[int(epoch) - 1] == max(column), quiet=True))
        rows.append(row)
    groups = [("", 1), ("this run", len(ours)), ("paper, Table 3 (one seed)", len(theirs))] if theirs else []
    notes = ["The best of each column is bold."]
    title = f"{measure_name(task.measure)} by pretraining epoch, {task.title}"
    return Table(title, ["Epoch", *ours, *theirs], rows, groups, notes)


def _cell(tested: Outcome | None, column: dict[float | None, Outcome]) -> Cell:
    if tested is None:
        return cells(None)[0]
    best = max(m.value for m in column.values())
    return Cell(score(tested.value, tested.spread), strong=tested.value == best)
