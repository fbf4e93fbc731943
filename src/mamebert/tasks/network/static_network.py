"""A table of word vectors that answers with vectors of texts, and cannot learn."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from mamebert.checkpoints.static_embedding import LONGEST, StaticEmbedding
from mamebert.tasks import Task
from mamebert.tasks.data.features import Laid, TaskBatch
from mamebert.tasks.data.text_vectors import Found, to_unit_length

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Floats = npt.NDArray[np.float32]
TOKENS_AT_ONCE = 4_096
"""Of a long text, whose rows would take a gigabyte beside each other."""


def task_of_table(normalize: bool = True) -> Task:
    """Return what a table answers: the mean of the rows of a text, however long it is."""
    task: Task = Task.find("sentence_embeddings")(max_length=LONGEST, pooling=["mean"], normalize=normalize)
    return task


class Table:
    """Rows for the tokens of a vocabulary."""

    def __init__(self, rows: Floats) -> None:
        self.rows = rows
        self.vocab_size = len(rows)


class StaticNetwork:
    """The mean of the rows of each sequence without [CLS] and [SEP]; it gathers and concludes as a `TaskNetwork`.

    A text's rows are added by themselves, so that its vector is the same alone and among others, on a processor: there
    is too little for anything else.
    """

    training = False

    def __init__(self, found: StaticEmbedding) -> None:
        self.bert, self.normalize = Table(found.rows), found.normalize

    @property
    def device(self) -> "torch.device":
        """Where the table is."""
        from torch import device

        return device("cpu")

    def to(self, device: Any) -> Self:
        """Return the network, which stays where it is."""
        return self

    def eval(self) -> Self:
        """Return the network, which knows no other mode."""
        return self

    def answered(self, laid: Laid) -> Found:
        """Return the vectors of the sequences of examples, at length 1 where the folder says so."""
        return self._found(self._means(laid.ids[laid.places[laid.order]], laid.sequence_sizes))

    def gather(self, batch: TaskBatch) -> "Tensor":
        """Return float32 [sequences, size], in the order of the examples."""
        from torch import from_numpy

        # Whatever the order in which sequences were packed, reads are in that of the examples.
        ids = batch.packed.ids[batch.places[batch.order]].numpy()
        return from_numpy(self._means(ids, batch.sequence_sizes))

    def conclude(self, gathered: "Tensor", batch: TaskBatch) -> Found:
        """Return the vectors of the sequences, at length 1 where the folder says so."""
        return self._found(gathered.numpy())

    def __call__(self, batch: TaskBatch) -> Found:
        """Return the vectors of a batch."""
        return self.conclude(self.gather(batch), batch)

    def _found(self, means: Floats) -> Found:
        return Found(to_unit_length(means) if self.normalize else means, None)

    def _means(self, ids: npt.NDArray[np.int64], sizes: Sequence[int]) -> Floats:
        starts = np.cumsum([0, *sizes])
        return np.stack([self._mean(ids[start + 1 : end - 1]) for start, end in pairwise(starts)])

    def _mean(self, ids: npt.NDArray[np.int64]) -> Floats:
        total = np.zeros(self.bert.rows.shape[1], np.float32)
        for start in range(0, len(ids), TOKENS_AT_ONCE):
            total += np.add.reduce(self.bert.rows[ids[start : start + TOKENS_AT_ONCE]])
        return np.asarray(total / np.float32(max(1, len(ids))))
