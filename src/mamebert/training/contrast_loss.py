"""Partners found among others: the loss of whatever learns vectors from pairs (InfoNCE; van den Oord et al., 2018)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


class PartnersFound(NamedTuple):
    """How the texts of pairs find each other."""

    losses: Tensor
    """float32 [2, pairs], in nats: what it costs to find second texts from first ones, and first from second."""
    right: Tensor
    """bool [2, pairs]: whether the partner is the nearest of all."""


def partners_found(first: Tensor, second: Tensor, temperature: float) -> PartnersFound:
    """Return what it costs each text to find its partner, of which the others of the batch are the wrong answers.

    `first` and `second` [pairs, size] have length 1; partners stand in the same row (Chen et al., 2017).
    """
    logits, own = first @ second.T / temperature, torch.arange(len(first), device=first.device)
    ways = (logits, logits.T)
    losses = torch.stack([cross_entropy(each, own, reduction="none") for each in ways])
    return PartnersFound(losses, torch.stack([each.detach().argmax(1) == own for each in ways]))
