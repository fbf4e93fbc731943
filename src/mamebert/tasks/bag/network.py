"""The classifier itself: from the pieces of whole texts to a score for each label."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mamebert.tasks import Task
from mamebert.tasks.bag.document_vectors import DocumentVectors
from mamebert.tasks.bag.grams import Grams, Ids
from mamebert.tasks.data.features import Example, Features, TaskBatch, TaskState
from mamebert.tokenizer.encoding import Tokenizer

WHOLE = 2**30
"""The `max_length` of a task of which whole texts are read."""
TEXTS_AT_ONCE = 1_000
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BagNetwork:
    """Linear scores of sparse columns and of a document vector. It gathers and concludes as a `TaskNetwork` does.

    A text is scored by itself, so that its answer is the same alone and among others, on a processor.
    """

    grams: Grams
    weight: Floats
    """[columns, labels]."""
    bias: Floats
    """[labels]."""
    vocab_size: int
    """Tokens that its tokenizer may have."""
    documents: DocumentVectors | None = None
    """None where validation rows chose to do without."""
    document_weight: Floats | None = None
    """[width of a document vector, labels]."""

    @property
    def device(self) -> torch.device:
        """Where it computes: there is too little for anything but a processor."""
        return torch.device("cpu")

    def num_parameters(self) -> dict[str, int]:
        """Return how many numbers there are in all, how many were fitted to labels, and how many were not."""
        fitted = sum(each.size for each in (self.weight, self.bias, self.document_weight) if each is not None)
        words = (self.documents.vectors, self.documents.weights) if self.documents else ()
        frozen = self.grams.idf.size + sum(each.size for each in words)
        return {"total": fitted + frozen, "trainable": fitted, "frozen": frozen}

    def __call__(self, batch: TaskBatch) -> Tensor:
        """Return the scores [examples, labels] of a batch."""
        return self.gather(batch)

    def gather(self, batch: TaskBatch) -> Tensor:
        """Return the scores [examples, labels] of a batch; nothing lies between these and an encoder's states."""
        return torch.from_numpy(np.stack([self.scores(pieces_of(each)) for each in batch.features]))

    def conclude(self, gathered: Tensor, batch: TaskBatch) -> Tensor:
        """Return what was gathered: the scores are the outputs."""
        return gathered

    def scores(self, ids: Ids) -> Floats:
        """Return the scores [labels] of one text; their softmax is the calibrated share of each label."""
        columns, values = self.grams.weigh(ids)
        found = values @ self.weight[columns] + self.bias
        if self.documents is not None and self.document_weight is not None:
            found = found + self.documents.vector(ids) @ self.document_weight
        return np.asarray(found, np.float32)

    def eval(self) -> Self:
        """Return itself: nothing here is drawn at random."""
        return self

    def to(self, device: torch.device | str) -> Self:
        """Return itself, where it is."""
        return self


def pieces_of(features: Features) -> Ids:
    """Return the pieces of an example's text, without [CLS] and [SEP]; of one in several chunks those of all."""
    first, *more = (sequence[1:-1] for sequence in features.sequences)
    return np.concatenate([first, *more]) if more else first


def whole_texts(task: Task, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
    """Return the features of examples of whose texts all is read, in little memory: there are no segments here."""
    found: list[Features] = []
    for start in range(0, len(examples), TEXTS_AT_ONCE):
        some = task.features(tokenizer, examples[start : start + TEXTS_AT_ONCE], learnt)
        found += [
            replace(each, sequences=[ids.astype(np.int32) for ids in each.sequences], segments=None) for each in some
        ]
    return found
