"""The network that learns: a vector and a weight for each word, and nothing of their order."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, normalize, softplus

from mamebert.training.contrast_loss import partners_found
from mamebert.training.loop import Losses

LOWEST, HIGHEST = 0.05, 8.0
"""Bounds of the weights that words begin with."""
COMMON = 4.0
"""A word that is a share e^-4 of the text, or more, begins with the lowest weight."""


class Bags(NamedTuple):
    """Crops as bags of words: all first crops of a batch, then all second ones."""

    ids: Tensor
    """int64 [tokens]."""
    starts: Tensor
    """int64 [2 * pairs]: where each crop begins."""


class WeightedBag(nn.Module):
    """A crop's vector is the sum of its words', each times its weight, at length 1."""

    has_part: Tensor
    """float32 [vocabulary]: 1 for words that count, 0 for those that never will."""

    def __init__(self, vectors: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]) -> None:
        """Begin with these; a word whose weight is 0 plays no part, and never will."""
        super().__init__()
        self.vectors = nn.Parameter(torch.from_numpy(vectors.copy()))
        has_part = torch.from_numpy(weights > 0)
        started = torch.from_numpy(weights).double().clamp(min=1e-6)  # of those that play no part any will do
        self.before_softplus = nn.Parameter(started.expm1().log().float())
        self.register_buffer("has_part", has_part.float())

    @property
    def weights(self) -> Tensor:
        """float32 [vocabulary], 0 or more."""
        return softplus(self.before_softplus) * self.has_part

    def forward(self, bags: Bags) -> Tensor:
        """Return float32 [crops, size]."""
        summed = embedding_bag(
            bags.ids, self.vectors, bags.starts, mode="sum", per_sample_weights=self.weights[bags.ids]
        )
        return normalize(summed)


def contrast_loss(vectors: Tensor, temperature: float) -> Losses:
    """Return the mean cross entropy, in nats, of finding each crop's partner among those of all, in both directions.

    `vectors` [2 * pairs, size] have length 1; the partner of row i is row i + pairs.
    """
    first, second = vectors.chunk(2)
    found = partners_found(first, second, temperature)
    return Losses(found.losses.mean(), {"found": found.right[0].float().mean()})


def first_weights(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the weights that words begin with: the rarer in the text, the higher; 0 for those that never occur."""
    rarity = np.log(max(1, int(counts.sum())) / np.maximum(counts, 1)) - COMMON
    return np.where(counts > 0, rarity.clip(LOWEST, HIGHEST), 0).astype(np.float32)
