"""A table of word vectors among the candidates of a fine-tuning: one convex fit in place of a training."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

from mamebert.labelled.rows import UNLABELLED
from mamebert.stages.finetune.candidates import Candidate
from mamebert.stages.finetune.fitting import Fitted, answer
from mamebert.stages.finetune.unlabelled import labelled_by
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
    unlabelled: Part | None = None,
) -> tuple[BagNetwork, Fitted]:
    """Return the classifier that stands on a table, fitted with one seed, and what the fit came to.

    With `refit` it has learnt from the validation rows too, after these had chosen and were scored; from texts without
    labels, by the labels it gives them itself.
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

    def self_trained(network: BagNetwork, rows: Rows) -> BagNetwork:
        if not unlabelled:
            return network
        found = labelled_by(network, task, unlabelled, learnt)
        return fit_again(documents, rows.and_known(found), chosen, num_labels, seed)

    told: dict[str, Any] = chosen._asdict()
    network = self_trained(network, rows)
    score = task.measures(valid.examples, answer(task, network, valid, learnt))[0].score
    record(epoch=1, valid=score)
    if refit:
        rows = rows.and_known(others)
        network, told["refit"] = self_trained(fit_again(documents, rows, chosen, num_labels, seed), rows), True
    if unlabelled:
        told[UNLABELLED] = len(unlabelled.examples)
    decided = replace(learnt, chosen={**learnt.chosen, **told})
    fitted = Fitted(decided, [score], parameters=network.num_parameters(), chosen=told)
    fitted.seconds = monotonic() - started
    return network, fitted
