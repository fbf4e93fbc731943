"""All sets of labelled rows in one table: what pretraining gives, against no pretraining and against simple ways."""

from collections.abc import Sequence

from mamebert.reports.page.story import Story
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.readings.who_is_ahead import who_is_ahead
from mamebert.reports.text.blocks import Cell, Section, Table, cells, drop_empty_columns
from mamebert.reports.text.names import measure_name, value_of
from mamebert.reports.text.number_format import count

DIGITS = 3
TEXTS = ["Data set", "Task", "Measure", "Best simple baseline", "Encoder"]
NOTES = {
    "≈": "≈ The difference from the pretrained encoder (the best, where there are several) cannot be told from chance: "
    "it lies within the spread over seeds, p ≥ 0.05 in the paired bootstrap, or there is one seed alone.",
    "±": "± is the standard deviation over the seeds of fine-tuning.",
    "†": "† The texts of the test rows (not their labels) were in the text that the encoder learnt from.",
}


def tell(story: Story) -> list[Section]:
    """Return the section where there is more than one set."""
    tasks = [task for task in story.tasks if task.best_encoder]
    if len(tasks) < 2:
        return []
    names = list(dict.fromkeys(model.name for task in tasks for model in task.encoders))
    one_each = all(len(task.encoders) == 1 for task in tasks)
    tell_encoder = one_each and len(names) > 1
    if one_each:
        columns = ["Pretrained", "Random weights"]
        rows = [_row(task, [task.encoders[0]], tell_encoder) for task in tasks]
    else:
        columns = [each for name in names for each in (name, f"{name}, random weights")]
        rows = [_row(task, [_named(task, name) for name in names], False) for task in tasks]
    columns, rows = _winners_first([*columns, "That baseline"], rows)
    header = [*TEXTS, *columns, "Test rows"]
    shown = "".join(cell.text for row in rows for cell in row)
    notes = ["The best of each row is bold.", *(note for mark, note in NOTES.items() if mark in shown)]
    table = Table("All sets", *drop_empty_columns(header, rows), notes=notes, num_text_columns=4 + tell_encoder)
    return [Section("sets", "All sets of labelled rows", [table])]


def _row(task: Task, models: Sequence[Outcome | None], tell_encoder: bool) -> list[Cell]:
    everyone = [*task.final, *task.baselines]
    best = max((t.value for t in everyone if not t.knows_answers), default=0)
    encoder = models[0].name if tell_encoder and models[0] else None
    tested = [_cell(task, each, best) for model in models for each in (model, task.twin(model) if model else None)]
    peer = task.best_baseline
    rows = count(task.num_rows("test")) if task.num_rows("test") else None
    return [
        *cells(task.name, task.kind, measure_name(task.measure), peer.name if peer else None, encoder),
        *tested,
        _cell(task, peer, best),
        *cells(rows),
    ]


def _winners_first(columns: list[str], rows: list[list[Cell]]) -> tuple[list[str], list[list[Cell]]]:
    """Return the columns of scores in the order of how often each is best: a narrow window shows the first ones."""
    start, end = len(TEXTS), len(TEXTS) + len(columns)
    order = sorted(range(start, end), key=lambda place: -sum(row[place].strong for row in rows))
    sorted_rows = [[*row[:start], *(row[place] for place in order), *row[end:]] for row in rows]
    return [columns[place - start] for place in order], sorted_rows


def _cell(task: Task, tested: Outcome | None, best: float) -> Cell:
    if tested is None:
        return cells(None)[0]
    lead, mark = task.best_encoder, ""
    if lead and tested.record != lead.record:
        mark = "≈ " if who_is_ahead(lead, tested, task.chance(lead, tested)).doubt else ""
    text = value_of(task.measure, tested.value, tested.spread, DIGITS)
    return Cell(f"{mark}{text}{' †' if tested.seen_test_text else ''}", strong=tested.value == best)


def _named(task: Task, name: str) -> Outcome | None:
    return next((model for model in task.encoders if model.name == name), None)
