"""A table of word vectors among the candidates of a fine-tuning: one convex fit in place of a training."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

from mamebert.stages.finetune.candidates import Candidate
from mamebert.stages.finetune.fitting import Fitted, answer
from mamebert.tasks.bag.fitting import Rows, fit_again, fit_bag
from mamebert.tasks.bag.network import BagNetwork
from mamebert.tasks.bag.starting import open_documents
from mamebert.tasks.bases.label_task import LabelTask
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import TaskState


def fit_table(
    model: Candidate,
    seed: int,
    train: Part,
    valid: Part,
    learnt: TaskState,
    record: Callable[..., None],
    title: str,
    refit: bool = False,
) -> tuple[BagNetwork, Fitted]:
    """Return the classifier that stands on a table, fitted with one seed, and what the fit came to.

    With `refit` it has learnt from the validation rows too, after these had chosen and were scored.
    """
    started, task = monotonic(), model.task
    assert isinstance(task, LabelTask)
    documents = open_documents(model.path, seed if model.random_weights else None)
    golds = [example.gold for example in valid.examples]
    rows, others, num_labels = Rows.of(train), Rows.of(valid), len(learnt.labels)
    network, chosen = fit_bag(
        documents,
        rows,
        others,
        num_labels,
        lambda found: task.judge(golds, [learnt.labels[number] for number in found]),
        seed,
        title,
    )
    score = task.measures(valid.examples, answer(task, network, valid, learnt))[0].score
    record(epoch=1, valid=score)
    told: dict[str, Any] = chosen._asdict()
    if refit:
        network, told["refit"] = fit_again(documents, rows.and_known(others), chosen, num_labels, seed), True
    decided = replace(learnt, chosen={**learnt.chosen, **told})
    fitted = Fitted(decided, [score], parameters=network.num_parameters(), chosen=told)
    fitted.seconds = monotonic() - started
    return network, fitted
