"""A batch of sequences and what is asked of them."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from mamebert.encoder.packing import Packed, to_device


@dataclass(frozen=True)
class LossDivisors:
    """How much a batch asks: what the losses of its parts are divided by, so that they add up to the batch's."""

    tokens: int
    """Tokens asked for."""
    sequences: int
    read: int
    """All tokens."""


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
    draws: Tensor = field(default_factory=lambda: torch.empty(0, 0))
    """float32 [chosen, draws]: numbers from 0 to 1 drawn for each token asked for, as many as the objective needs
    (`num_draws`). They belong to the batch, so that its parts draw what the whole would."""
    groups: tuple[int, ...] | None = None
    """Sequences of each group that is asked together, and never parted; None where each is asked alone."""
    labelled: bool = False
    """Whether `labels` are the classes of labelled texts, and not answers about running text."""

    @property
    def originals(self) -> Tensor:
        """int64 [tokens]: the tokens before any was hidden."""
        return self.packed.ids.index_copy(0, self.chosen, self.targets)

    def showing(self, ids: Tensor) -> Packed:
        """Return the sequences with other tokens: `ids` int64 [tokens]."""
        return replace(self.packed, ids=ids)

    def to(self, device: torch.device) -> "PretrainingBatch":
        """Return the same batch on another device."""
        tensors = self.chosen, self.targets, self.labels, self.draws
        chosen, targets, labels, draws = (to_device(tensor, device) for tensor in tensors)
        packed = self.packed.to(device)
        return replace(self, packed=packed, chosen=chosen, targets=targets, labels=labels, draws=draws)

    @property
    def asked(self) -> LossDivisors:
        """Tokens and sequences asked for."""
        return LossDivisors(len(self.targets), len(self.packed.lengths), len(self.packed.ids))

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
        return replace(
            self,
            packed=Packed(
                packed.ids[start:end],
                packed.segments[start:end],
                packed.positions[start:end],
                packed.lengths[first:last],
            ),
            chosen=self.chosen[low:high] - start,
            targets=self.targets[low:high],
            labels=self.labels[first:last],
            draws=self.draws[low:high],
        )
