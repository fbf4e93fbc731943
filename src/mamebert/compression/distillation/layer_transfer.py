"""Transfer from one layer of a teacher to the same layer of its student (MobileBERT; Sun et al., 2020)."""

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import layer_norm, mse_loss

from mamebert.compression.distillation.losses import attention_cross_entropy
from mamebert.config import Config
from mamebert.encoder.model import Encoder
from mamebert.encoder.trace import ForwardTrace, Padded
from mamebert.training.loop import Losses

EPSILON = 1e-12
"""Added to variances before dividing by them."""


class TransferWeights(Config):
    """How much each term counts; the defaults are those of the released code."""

    hidden: float = Field(default=100.0, ge=0)
    """Mean squared difference of the hidden states, each normalised to mean 0 and variance 1."""
    attention: float = Field(default=1.0, ge=0)
    """Cross entropy of the attention maps."""
    mean: float = Field(default=5000.0, ge=0)
    """Squared difference of the means over each hidden state, which normalising takes out."""
    variance: float = Field(default=5.0, ge=0)
    """Absolute difference of their variances."""


def normalised_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of hidden states [tokens, hidden_size], each normalised, without factors."""
    found, wanted = (layer_norm(states.float(), states.shape[-1:], eps=EPSILON) for states in (student, teacher))
    return mse_loss(found, wanted)


def mean_gap(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference between the means of hidden states [tokens, hidden_size]."""
    return mse_loss(student.float().mean(-1), teacher.float().mean(-1))


def variance_gap(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean absolute difference between the variances of hidden states [tokens, hidden_size]."""
    found, wanted = (states.float().var(-1, correction=0) for states in (student, teacher))
    return (found - wanted).abs().mean()


@dataclass(frozen=True)
class LayerTransfer:
    """The loss of one phase: that of one layer, and of that layer alone.

    The released code compares the mean and variance of every student's layer with those of all the teacher's layers at
    once; here each layer is compared with its own.
    """

    teacher: Encoder
    student: Encoder
    number: int
    """The layer, counted from 0."""
    weights: TransferWeights

    def loss(self, batch: Any) -> Losses:
        """Return the weighted sum of the terms over the number of layers, and each term by itself."""
        padded = Padded.of(batch.packed)
        with torch.no_grad():
            wanted = self.teacher.eval().trace(padded, depth=self.number + 1)
        terms = self.terms(self.student.trace(padded, depth=self.number + 1), wanted)
        weighted = torch.stack([getattr(self.weights, name) * value for name, value in terms.items()])
        total = weighted.sum() / self.student.config.num_hidden_layers
        return Losses(total, {name: value.detach() for name, value in terms.items()})

    def terms(self, student: ForwardTrace, teacher: ForwardTrace) -> dict[str, Tensor]:
        """Return the terms of this layer from what two passes show; each is 0 where they show the same."""
        found, wanted = (seen.packed(seen.hidden[self.number + 1]) for seen in (student, teacher))
        looks, shown = (seen.scores[self.number] for seen in (student, teacher))
        return {
            "hidden": normalised_mse(found, wanted),
            "attention": attention_cross_entropy(looks, shown, student.batch.visible),
            "mean": mean_gap(found, wanted),
            "variance": variance_gap(found, wanted),
        }
