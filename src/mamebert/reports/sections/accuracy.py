"""Test accuracy with its spread over seeds, beside the baselines and the paper's best."""

from mamebert.reports.blocks import Block, Cell, Section, Table, cells, drop_empty_columns
from mamebert.reports.numbers import amount, clock, is_number, megabytes, score
from mamebert.reports.outcomes import Outcome, Task
from mamebert.reports.paper_tables import BEST_ACCURACY, BEST_EPOCH, BEST_MODEL
from mamebert.reports.records import dig, listed
from mamebert.reports.story import Story

SEEN = " †"
HEADER = ["Model", "Accuracy", "Macro F1", "Seeds", "Parameters", "File", "Time per seed"]


def tell(story: Story) -> list[Section]:
    """Return the section with one table a task."""
    blocks: list[Block] = []
    for task in story.tasks:
        blocks += [block for block in (_table(task), _comparisons(task, len(story.tasks))) if block]
    return [Section("accuracy", "Accuracy", blocks)] if blocks else []


def _table(task: Task) -> Table | None:
    if not task.final and not task.baselines:
        return None
    best = max(t.accuracy for t in (*task.final, *task.baselines))
    rows = [_row(t, best) for t in (*task.final, *task.baselines)]
    majority = dig(task.run.results, "majority_accuracy")
    if is_number(majority):
        rows.append(cells("Always the largest class", score(majority), *[None] * 5, quiet=True))
    if task.is_livedoor:
        rows.append(
            cells(
                f"Paper's best: {BEST_MODEL}, epoch {BEST_EPOCH}",
                score(BEST_ACCURACY),
                None,
                "1",
                None,
                None,
                None,
                quiet=True,
            )
        )
    tests = f", {task.num_test:,} test rows" if task.num_test else ""
    return Table(f"{task.title}{tests}", *drop_empty_columns(HEADER, rows), notes=_notes(task))


def _row(tested: Outcome, best: float) -> list[Cell]:
    behind = tested.pretrained.results if tested.pretrained else {}
    total = dig(behind, "parameters.total")
    return [
        Cell(f"{tested.name}{_after(tested)}"),
        Cell(score(tested.accuracy, tested.spread), strong=tested.accuracy == best),
        *cells(
            score(tested.macro_f1),
            str(tested.num_seeds) if tested.num_seeds else None,
            amount(total) if total else None,
            megabytes(dig(behind, "model_bytes")),
            clock(tested.seconds),
        ),
    ]


def _after(tested: Outcome) -> str:
    epoch = f", after epoch {tested.epoch:g}" if tested.epoch is not None else ""
    return epoch + (SEEN if tested.seen_test_text else "")


def _notes(task: Task) -> list[str]:
    notes = []
    if any(t.spread is not None for t in task.final):
        notes.append("± is the standard deviation over the seeds of fine-tuning.")
    if any(t.seen_test_text for t in (*task.final, *task.baselines)):
        notes.append(
            "† The texts of the test rows (not their labels) were in the text that its encoder or vectors learnt from."
        )
    return notes


def _comparisons(task: Task, num_tasks: int) -> Table | None:
    pairs = [c for c in listed(task.run.results, "comparisons") if is_number(dig(c, "difference"))]
    if not pairs:
        return None
    rows = [cells(f"{c.get('a')} − {c.get('b')}", f"{c['difference']:+.4f}", _chance(c.get("p"))) for c in pairs]
    return Table(
        "Differences in accuracy" + (f", {task.title}" if num_tasks > 1 else ""), ["Pair", "Difference", "p"], rows
    )


def _chance(p: object) -> str | None:
    if not is_number(p):
        return None
    return "< 0.001" if float(p) < 0.001 else f"{float(p):.3f}"  # type: ignore[arg-type]
