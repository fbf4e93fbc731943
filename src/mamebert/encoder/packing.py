"""Sequences laid end to end, so that no padding is ever computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Self

import numpy as np
import torch
from torch import Tensor

# Sequences whose lengths fall into the same bucket share one attention call, padded to the longest.
BUCKET = 16


@dataclass(frozen=True)
class Group:
    """Neighbouring sequences of about one length, which attention treats together."""

    num_sequences: int
    num_tokens: int
    longest: int
    rows: Tensor | None
    """int64 [sequences, longest]: token of the group at each padded place; None when all are equally long."""
    visible: Tensor | None
    """bool [sequences, 1, 1, longest]: False at padding; None when all are equally long."""
    places: Tensor | None
    """int64 [tokens]: padded place of every token; None when all are equally long."""


@dataclass(frozen=True)
class Packed:
    """A batch of sequences without padding."""

    ids: Tensor
    """int64 [tokens]."""
    segments: Tensor
    """int64 [tokens], 0 or 1."""
    positions: Tensor
    """int64 [tokens], starting from 0 in every sequence."""
    lengths: tuple[int, ...]
    """Tokens in each sequence."""

    @classmethod
    def of(cls, sequences: Sequence[np.ndarray], segments: Sequence[np.ndarray] | None = None) -> Self:
        """Lay sequences of token ids end to end. Sort them by length first: attention then groups them better."""
        lengths = tuple(len(s) for s in sequences)
        ids = torch.from_numpy(np.concatenate(sequences).astype(np.int64))
        kinds = torch.from_numpy(np.concatenate(segments).astype(np.int64)) if segments else torch.zeros_like(ids)
        return cls(ids, kinds, torch.cat([torch.arange(n) for n in lengths]), lengths)

    @cached_property
    def firsts(self) -> Tensor:
        """int64 [sequences]: where each sequence begins, the place of its [CLS]."""
        starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        return torch.from_numpy(starts.astype(np.int64)).to(self.ids.device)

    @cached_property
    def groups(self) -> list[Group]:
        """Return the attention groups, in order; their tokens follow each other without gaps."""
        runs = (list(run) for _, run in groupby(self.lengths, key=lambda n: -(-n // BUCKET)))
        return [_group(run, self.ids.device) for run in runs]

    def to(self, device: torch.device) -> "Packed":
        """Return the same batch on another device."""
        return Packed(self.ids.to(device), self.segments.to(device), self.positions.to(device), self.lengths)


def _group(lengths: list[int], device: torch.device) -> Group:
    longest, total = max(lengths), sum(lengths)
    if longest * len(lengths) == total:
        return Group(len(lengths), total, longest, None, None, None)
    size = torch.tensor(lengths)
    visible = torch.arange(longest)[None, :] < size[:, None]
    rows = torch.zeros(visible.shape, dtype=torch.int64)
    rows[visible] = torch.arange(total)
    places = visible.flatten().nonzero().squeeze(1)
    return Group(len(lengths), total, longest, rows.to(device), visible[:, None, None, :].to(device), places.to(device))
