"""What a fine-tuning tells of its rows before it trains: how many there are, and what no model can get right."""

from collections.abc import Mapping

from mamebert.labelled.leaks import tell_repeated, tell_shifts
from mamebert.labelled.rows import PARTS, Labelled
from mamebert.progress import say
from mamebert.results.finetune import FinetuneResults
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example, TaskState


def write_down(
    results: FinetuneResults, task: Task, labelled: Labelled, everything: Mapping[str, list[Example]], learnt: TaskState
) -> None:
    """Fill in what the results tell of the rows of all parts, and say what a user should know of them."""
    unseen = {name: found for name, part in everything.items() if (found := task.unseen(part, learnt))}
    results.task = task.kind
    results.labels = list(learnt.labels)
    results.columns = task.columns()
    results.example = task.example()
    results.split = {name: task.describe(everything[name]) for name in PARTS}
    results.rows = {name: len(part) for name, part in everything.items()}
    results.unusable_rows = {name: reasons for name, reasons in labelled.unusable.items() if reasons}
    results.unseen = unseen
    for name, reasons in unseen.items():
        told = ", ".join(f"{count} with {reason}" for reason, count in reasons.items())
        say(f"Rows in {name} that no model here can get right: {told}.")
    tested = labelled.all_tests()
    results.repeated_rows = tell_repeated(everything["train"], {"valid": everything["valid"], **tested})
    results.label_shift = tell_shifts(task, everything["train"], tested)
    told = ", ".join(f"{len(part)} {name}" for name, part in everything.items())
    say(f"finetune: {told} rows" + (f", {len(learnt.labels)} labels" if learnt.labels else ""))
