"""Self-training (Yarowsky, 1995): a classifier on word vectors labels texts itself, and learns from them too."""

from collections.abc import Sequence

import numpy as np

from mamebert.errors import UserError
from mamebert.labelled.leaks import SEEN, repeated
from mamebert.labelled.rows import UNLABELLED, read_examples
from mamebert.progress import say
from mamebert.stages.finetune.fitting import answer
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.bag.fitting import Rows
from mamebert.tasks.bag.network import BagNetwork
from mamebert.tasks.bases.label_task import LabelTask
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import Example, TaskState


def refuse_encoder(config: FinetuneConfig, name: str) -> None:
    """Raise a UserError where texts without labels are given to an encoder."""
    if config.unlabelled:
        raise UserError(
            f"Only classifiers on word vectors learn from {UNLABELLED} texts, and {name!r} is an encoder. Let it read "
            f"them in pretrain (start=...), and leave {UNLABELLED} out here."
        )


def read_unlabelled(config: FinetuneConfig) -> dict[str, list[Example]]:
    """Return the texts without labels under the name of their part; nothing where none are given."""
    if not config.unlabelled:
        return {}
    examples, _ = read_examples(config.task, config.unlabelled, labelled=False)
    if not examples:
        raise UserError(f"There are no texts in {UNLABELLED}. Check the path, and the names of the columns in task.")
    return {UNLABELLED: examples}


def has_texts_of(test: Sequence[Example], unlabelled: Sequence[Example]) -> bool:
    """Tell whether more test texts are among those without labels than come there by chance; it is also said."""
    rows = repeated(test, unlabelled).rows
    if rows:
        say(f"{rows:,} of {len(test):,} test texts are among the {UNLABELLED} ones: read before they are asked about.")
    return rows >= SEEN * len(test)


def labelled_by(network: BagNetwork, task: LabelTask, part: Part, learnt: TaskState) -> Rows:
    """Return the texts with the labels that a classifier gives them."""
    number = {label: n for n, label in enumerate(learnt.labels)}
    targets = np.array([number[each["label"]] for each in answer(task, network, part, learnt)])
    return Rows.of(part)._replace(targets=targets)
