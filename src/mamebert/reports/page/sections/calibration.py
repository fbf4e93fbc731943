"""Calibration of a classifier's probabilities (Guo, Pleiss, Sun and Weinberger, 2017)."""

from mamebert.reports.page.story import Story
from mamebert.reports.plots.reliability import Reliability
from mamebert.reports.readings.answers import NUM_BINS, Bin, calibration, expected_calibration_error, read_answers
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.text.blocks import Block, Cell, Section, Table
from mamebert.reports.text.number_format import count

MOST_TASKS = 3
LEAD = (
    "Of the answers given with a probability of 0.8, 80 % should be right: bars then end on the diagonal. Bars below "
    "it are of a model too sure of itself."
)


def tell(story: Story) -> list[Section]:
    """Return the section where answers have probabilities; none where they have not, or are not kept."""
    blocks = [block for task in story.tasks[:MOST_TASKS] for block in _of(task, len(story.tasks) > 1)]
    return [Section("calibration", "Calibration", blocks, LEAD)] if blocks else []


def _of(task: Task, several: bool) -> list[Block]:
    best = task.best_encoder
    if best is None:
        return []
    models = [best, *(model for model in task.final if model is not best)]
    measured = [(model, bins) for model in models if (bins := calibration(read_answers(task, model)))]
    if not measured or measured[0][0] is not best:
        return []
    of_task = f"{task.name}: " if several else ""
    drawn = Reliability(f"{of_task}Answers of {best.short} by their probability", measured[0][1])
    return [drawn, _table(f"{of_task}Calibration on the test rows", measured)]


def _table(title: str, measured: list[tuple[Outcome, list[Bin]]]) -> Table:
    errors = [expected_calibration_error(bins) for _, bins in measured]
    rows = [
        [
            Cell(model.name),
            Cell(f"{error:.3f}", strong=error == min(errors)),
            Cell(f"{_mean(bins, 'mean_probability'):.3f}"),
            Cell(f"{_mean(bins, 'accuracy'):.3f}"),
            Cell(count(sum(each.num_rows for each in bins))),
        ]
        for (model, bins), error in zip(measured, errors, strict=True)
    ]
    header = ["Model", "Expected calibration error", "Mean probability", "Share right", "Rows"]
    note = f"{NUM_BINS} bins of equal width; lower is better. Of each model the seed that validated best."
    return Table(title, header, rows, notes=[note])


def _mean(bins: list[Bin], name: str) -> float:
    return float(sum(each.num_rows * getattr(each, name) for each in bins) / sum(each.num_rows for each in bins))
