"""Pretraining objectives: ONE FILE PER OBJECTIVE."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mamebert.checkpoints.sentence_transformers import Modules
from mamebert.config import Choice
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed, to_device
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives.data.masking import MaskUnit
from mamebert.training.loop import Losses


@dataclass(frozen=True)
class Examples:
    """The sequences of one epoch, as places in the token shards.

    An example is one range of tokens, shown as [CLS] a [SEP], or two, shown as [CLS] a [SEP] b [SEP] or, `apart`, as
    two sequences.
    """

    starts: np.ndarray
    """int64 [examples, 1 or 2]: first token of each range."""
    sizes: np.ndarray
    """int64 [examples, 1 or 2]: tokens of each range, 1 or more."""
    labels: np.ndarray
    """int64 [examples]: answer of the sentence question, 0 where none is asked."""
    apart: bool = False
    """Whether each range is a sequence of its own."""

    @property
    def num_special(self) -> int:
        """Special tokens of an example."""
        ranges = int(self.sizes.shape[1])
        return 2 * ranges if self.apart else ranges + 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 [examples]: tokens of each example, special tokens included."""
        lengths: np.ndarray = self.sizes.sum(axis=1) + self.num_special
        return lengths

    def of(self, rows: np.ndarray) -> "Examples":
        """Return the examples in `rows`."""
        return replace(self, starts=self.starts[rows], sizes=self.sizes[rows], labels=self.labels[rows])

    def sequences(self) -> "Examples":
        """Return an example for each sequence: those of an example that has two are neighbours."""
        if not self.apart:
            return self
        labels = np.repeat(self.labels, self.sizes.shape[1])
        return Examples(self.starts.reshape(-1, 1), self.sizes.reshape(-1, 1), labels)


@dataclass(frozen=True)
class LossDivisors:
    """How much a batch asks: what the losses of its parts are divided by, so that they add up to the batch's."""

    tokens: int
    sequences: int


@dataclass(frozen=True)
class PretrainingBatch:
    """Masked sequences and what stood under the masks."""

    packed: Packed
    chosen: Tensor
    """int64 [chosen]: places of the tokens asked for, in order."""
    targets: Tensor
    """int64 [chosen]: the tokens that stood there."""
    labels: Tensor
    """int64 [sequences]: answer of the sentence question."""
    groups: tuple[int, ...] | None = None
    """Sequences of each group that is asked together, and never parted; None where each is asked alone."""

    def to(self, device: torch.device) -> "PretrainingBatch":
        """Return the same batch on another device."""
        chosen, targets, labels = (to_device(t, device) for t in (self.chosen, self.targets, self.labels))
        return PretrainingBatch(self.packed.to(device), chosen, targets, labels, self.groups)

    @property
    def asked(self) -> LossDivisors:
        """Tokens and sequences asked for."""
        return LossDivisors(len(self.targets), len(self.packed.lengths))

    def parts(self, number: int) -> list["PretrainingBatch"]:
        """Cut into `number` batches of neighbouring sequences and about equally many tokens.

        None is empty: fewer sequences, or groups of them, than `number` give one batch each.
        """
        ends = np.concatenate([[0], np.cumsum(self.groups or np.ones(len(self.packed.lengths), np.int64))])
        tokens = np.concatenate([[0], np.cumsum(self.packed.lengths)])
        edges, groups = tokens[ends], len(ends) - 1
        number = min(number, groups)
        k = np.arange(1, number)
        nearest = np.searchsorted((edges[:-1] + edges[1:]) / 2, edges[-1] * k / number)
        # At least one group in every part, those that follow included.
        cuts = k + np.maximum.accumulate(np.clip(nearest - k, 0, groups - number))
        bounds = [0, *cuts.tolist(), groups]
        return [
            replace(
                self._between(int(ends[first]), int(ends[last]), tokens), groups=self.groups and self.groups[first:last]
            )
            for first, last in pairwise(bounds)
        ]

    def _between(self, first: int, last: int, edges: np.ndarray) -> "PretrainingBatch":
        start, end = int(edges[first]), int(edges[last])
        low, high = torch.searchsorted(self.chosen, torch.tensor([start, end], device=self.chosen.device)).tolist()
        packed = self.packed
        return PretrainingBatch(
            Packed(
                packed.ids[start:end],
                packed.segments[start:end],
                packed.positions[start:end],
                packed.lengths[first:last],
            ),
            self.chosen[low:high] - start,
            self.targets[low:high],
            self.labels[first:last],
        )


@dataclass
class HeldOutSums:
    """Sums over held-out batches."""

    loss: float = 0.0
    right: int = 0
    asked: int = 0
    sentences_right: int = 0
    sentences_asked: int = 0
    contrast_loss: float = 0.0
    crops_right: int = 0
    crops_asked: int = 0
    lost_in_disorder: float = 0.0
    """How much greater the loss is with the words shuffled, over the `asked_in_disorder` tokens that were asked so."""
    asked_in_disorder: int = 0

    def summary(self) -> dict[str, float]:
        """Return mean losses and order gain (nats per asked token, or crop), and shares of right answers."""
        found = {}
        if self.asked or not self.crops_asked:
            found["heldout_mlm_loss"] = self.loss / max(1, self.asked)
            found["heldout_mlm_accuracy"] = self.right / max(1, self.asked)
        if self.crops_asked:
            found["heldout_contrast_loss"] = self.contrast_loss / self.crops_asked
            found["heldout_found"] = self.crops_right / self.crops_asked
        if self.sentences_asked:
            found["heldout_nsp_accuracy"] = self.sentences_right / self.sentences_asked
        if self.asked_in_disorder:
            found["order_gain"] = self.lost_in_disorder / self.asked_in_disorder
        return found


class Objective(Choice):
    """A pretraining objective."""

    has_sentence_pairs: ClassVar[bool] = False
    """Whether it asks a question of every pair of sentences, answered at its [CLS]."""
    reads_all_tokens: ClassVar[bool] = False
    """Whether it reads the last layer of every token, and not only of those asked for."""
    max_length: int = Field(default=128, ge=8)
    """Longest sequence in tokens, special tokens included."""
    mask_rate: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens that are asked for (BERT: 0.15)."""
    mask_token_rate: float = Field(default=0.8, ge=0, le=1)
    """Of the tokens asked for, the share shown as [MASK]; of the rest, half stay and half become a random token."""
    mask_unit: MaskUnit = "token"
    """What is asked for as a whole: tokens, words, or spans of 1 to 10 words (as SpanBERT draws them)."""

    @property
    def asks_for_words(self) -> bool:
        """Whether words are masked and asked for."""
        return True

    @property
    def modules(self) -> Modules | None:
        """How the finished encoder makes the vector of a text; None where it has learnt none."""
        return None

    def groups(self, num_sequences: int) -> tuple[int, ...] | None:
        """Return how many of the sequences of a batch are asked together; None where each is asked alone."""
        return None

    def check(self, shards: TokenShards) -> None:
        """Raise a UserError where a corpus has nothing to ask about; tell what will be learnt badly."""

    def require_asked_of(self, shape: EncoderConfig) -> None:
        """Raise a UserError where an encoder has no head for what is asked."""
        if self.has_sentence_pairs and shape.has_prediction_head:
            raise UserError(
                f"{self.kind} asks about pairs at their [CLS], and an encoder with head=prediction (ModernBERT) has no "
                "pooler to answer. Set objective.kind=masked_lm."
            )

    @abstractmethod
    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Return the sequences of one epoch, drawn anew for every seed."""

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the cross entropy of the tokens that a part of a batch asks for, over the number asked in the whole.

        So the losses of all parts, wherever they are computed, add up to the mean over the batch.
        """
        hidden = network.bert(part.packed, part.chosen)
        masked = network.cls.predictions.loss(hidden, part.targets, whole.tokens)
        return Losses(masked, {"mlm_loss": masked.detach()})

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        """Add the answers to one held-out batch to `so_far`."""
        self._answer_words(network, batch, so_far)

    def answer_with_order_gain(
        self, network: PretrainingNetwork, batch: PretrainingBatch, in_disorder: PretrainingBatch, so_far: HeldOutSums
    ) -> None:
        """Add the answers to one held-out batch, and what its masked words lose `in_disorder` (`shuffled`)."""
        before, disordered = so_far.loss, HeldOutSums()
        self.answer(network, batch, so_far)
        self._answer_words(network, in_disorder, disordered)
        so_far.lost_in_disorder += disordered.loss - (so_far.loss - before)
        so_far.asked_in_disorder += disordered.asked

    def _answer_words(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        hidden = network.bert(batch.packed, batch.chosen)
        for rows, targets in zip(hidden.split(256), batch.targets.split(256), strict=True):
            logits = network.cls.predictions(rows)
            so_far.loss += float(cross_entropy(logits, targets, reduction="sum"))
            so_far.right += int((logits.argmax(-1) == targets).sum())
            so_far.asked += len(targets)


class ObjectiveModule(nn.Module):
    """An objective put to a network: one module, whose forward several processes can share."""

    def __init__(self, objective: Objective, network: PretrainingNetwork) -> None:
        super().__init__()
        self.objective, self.network = objective, network

    def forward(self, part: PretrainingBatch, whole: LossDivisors) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the objective's loss and its terms."""
        losses = self.objective.loss(self.network, part, whole)
        return losses.total, losses.parts
