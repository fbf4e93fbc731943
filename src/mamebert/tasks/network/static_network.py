"""A table of word vectors where an encoder would stand: it answers with vectors of texts, and cannot learn."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, normalize

from mamebert.checkpoints.static_embedding import LONGEST, StaticEmbedding
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskBatch
from mamebert.tasks.network.siamese import Found


def task_of_table(normalize: bool = True) -> Task:
    """Return what a table answers: the mean of the rows of a text, however long it is."""
    task: Task = Task.find("sentence_embeddings")(max_length=LONGEST, pooling=["mean"], normalize=normalize)
    return task


class Table(nn.Module):
    """Rows for the tokens of a vocabulary."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows, requires_grad=False)
        self.vocab_size = len(rows)


class StaticNetwork(nn.Module):
    """The mean of the rows of each sequence without [CLS] and [SEP]; it gathers and concludes as a `TaskNetwork`."""

    def __init__(self, found: StaticEmbedding) -> None:
        super().__init__()
        self.bert, self.normalize = Table(found.rows), found.normalize

    @property
    def device(self) -> torch.device:
        """Where the table is."""
        return self.bert.rows.device

    def gather(self, batch: TaskBatch) -> Tensor:
        """Return float32 [sequences, size], in the order of the examples."""
        # Whatever the order in which sequences were packed, reads are in that of the examples.
        ids = batch.packed.ids[batch.places[batch.order]]
        sizes = torch.tensor(batch.sequence_sizes, device=ids.device)
        ends = sizes.cumsum(0)
        inside = torch.ones_like(ids, dtype=torch.bool)
        inside[ends - 1], inside[ends - sizes] = False, False
        starts = (sizes - 2).cumsum(0) - (sizes - 2)
        return embedding_bag(ids[inside], self.bert.rows, starts, mode="mean")

    def conclude(self, gathered: Tensor, batch: TaskBatch) -> Found:
        """Return the vectors of the sequences, at length 1 where the folder says so."""
        return Found(normalize(gathered) if self.normalize else gathered, None)

    def forward(self, batch: TaskBatch) -> Any:
        """Return the vectors of a batch."""
        return self.conclude(self.gather(batch), batch)
