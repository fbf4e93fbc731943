"""What an encoder is asked while it is pretrained: ONE FILE PER OBJECTIVE."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mamebert.config import Choice
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.training.loop import Losses


@dataclass(frozen=True)
class Examples:
    """The sequences of one epoch, as places in the token shards: [CLS] a [SEP], or with b, [CLS] a [SEP] b [SEP]."""

    spans: np.ndarray
    """int64 [examples, 4]: first and last-but-one token of a, and of b (equal where there is no b)."""
    labels: np.ndarray
    """int64 [examples]: answer of the sentence question, 0 where none is asked."""

    @property
    def lengths(self) -> np.ndarray:
        """int64 [examples]: tokens of each sequence, special tokens included."""
        a = self.spans[:, 1] - self.spans[:, 0]
        b = self.spans[:, 3] - self.spans[:, 2]
        lengths: np.ndarray = a + b + np.where(b > 0, 3, 2)
        return lengths


@dataclass(frozen=True)
class PretrainingBatch:
    """Masked sequences and what stood under the masks."""

    packed: Packed
    chosen: Tensor
    """int64 [chosen]: places of the tokens asked for."""
    targets: Tensor
    """int64 [chosen]: the tokens that stood there."""
    labels: Tensor
    """int64 [sequences]: answer of the sentence question."""

    def to(self, device: torch.device) -> "PretrainingBatch":
        """Return the same batch on another device."""
        return PretrainingBatch(
            self.packed.to(device), *(t.to(device) for t in (self.chosen, self.targets, self.labels))
        )


@dataclass
class Answers:
    """Sums over held-out batches."""

    loss: float = 0.0
    right: int = 0
    asked: int = 0
    sentences_right: int = 0
    sentences_asked: int = 0

    def summary(self) -> dict[str, float]:
        """Return mean loss (nats per asked token) and shares of right answers."""
        found = {
            "heldout_mlm_loss": self.loss / max(1, self.asked),
            "heldout_mlm_accuracy": self.right / max(1, self.asked),
        }
        if self.sentences_asked:
            found["heldout_nsp_accuracy"] = self.sentences_right / self.sentences_asked
        return found


class Objective(Choice):
    """A pretraining objective."""

    max_length: int = Field(default=128, ge=8)
    """Longest sequence in tokens, special tokens included."""
    mask_rate: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens that are asked for (BERT: 0.15)."""
    mask_token_rate: float = Field(default=0.8, ge=0, le=1)
    """Of the tokens asked for, the share shown as [MASK]; of the rest, half stay and half become a random token."""

    @abstractmethod
    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Return the sequences of one epoch, drawn anew for every seed."""

    def loss(self, network: PretrainingNetwork, batch: PretrainingBatch) -> Losses:
        """Return the mean cross entropy over the tokens asked for."""
        hidden = network.bert(batch.packed)
        masked = network.cls.predictions.loss(hidden[batch.chosen], batch.targets)
        return Losses(masked, {"mlm_loss": float(masked.detach())})

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: Answers) -> None:
        """Add the answers to one held-out batch to `so_far`."""
        hidden = network.bert(batch.packed)
        for rows, targets in zip(hidden[batch.chosen].split(256), batch.targets.split(256), strict=True):
            logits = network.cls.predictions(rows)
            so_far.loss += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
            so_far.right += int((logits.argmax(-1) == targets).sum())
            so_far.asked += len(targets)
