"""Sequences laid end to end, so that no padding is ever computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby
from typing import Self

import numpy as np
import torch
from torch import Tensor

# Sequences whose lengths fall into the same bucket share one attention call, padded to the longest.
BUCKET = 16
# A compiled GPU graph is made anew for every new size, so sizes are rounded up to multiples of these.
SEQUENCE_STEP, LENGTH_STEP = 256, 128


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
        ids = _end_to_end(sequences)
        kinds = _end_to_end(segments) if segments else torch.zeros_like(ids)
        return cls(ids, kinds, _end_to_end([np.arange(n) for n in lengths]), lengths)

    @classmethod
    def laid(cls, ids: np.ndarray, segments: np.ndarray, lengths: tuple[int, ...]) -> Self:
        """Return sequences that lie end to end already, int64 [tokens] each; nothing is copied."""
        positions = _end_to_end([np.arange(n) for n in lengths])
        return cls(torch.from_numpy(ids), torch.from_numpy(segments), positions, lengths)

    @cached_property
    def starts(self) -> Tensor:
        """int64 [sequences + 1]: where each sequence begins, and the number of tokens."""
        starts = torch.from_numpy(np.array([*accumulate(self.lengths, initial=0)], np.int64))
        return to_device(starts, self.ids.device)

    @cached_property
    def spans(self) -> Tensor:
        """`starts` as GPU attention wants them: int32, filled up with empty sequences to a size that seldom changes."""
        return _filled_up(self.starts)

    @cached_property
    def longest(self) -> int:
        """A bound on the lengths that seldom changes."""
        return -(-max(self.lengths) // LENGTH_STEP) * LENGTH_STEP

    @cached_property
    def firsts(self) -> Tensor:
        """int64 [sequences]: where each sequence begins, the place of its [CLS]."""
        return self.starts[:-1]

    @cached_property
    def groups(self) -> list[Group]:
        """Return the attention groups, in order; their tokens follow each other without gaps."""
        runs = (list(run) for _, run in groupby(self.lengths, key=lambda n: -(-n // BUCKET)))
        return [_group(run, self.ids.device) for run in runs]

    @cached_property
    def groups_of_one_length(self) -> list[Group]:
        """Return groups without padding: more calls, and no number that depends on the longest of a group."""
        return [_group(list(run), self.ids.device) for _, run in groupby(self.lengths)]

    def with_filler(self, num_tokens: int) -> "Packed":
        """Return the same batch with so many tokens behind it, in sequences that are no longer than the longest."""
        longest = max(self.lengths)
        lengths = tuple(min(longest, num_tokens - begun) for begun in range(0, num_tokens, longest))
        filler = self.positions.new_tensor(range(num_tokens)) % longest
        ids = torch.cat([self.ids, self.ids[:1].expand(num_tokens)])
        segments = torch.cat([self.segments, self.segments[:1].expand(num_tokens)])
        return Packed(ids, segments, torch.cat([self.positions, filler]), self.lengths + lengths)

    def to(self, device: torch.device) -> "Packed":
        """Return the same batch on another device."""
        ids, segments, positions = (to_device(t, device) for t in (self.ids, self.segments, self.positions))
        return Packed(ids, segments, positions, self.lengths)


class Rows:
    """Some tokens of a packed batch, in rising order."""

    def __init__(self, places: Tensor, batch: Packed) -> None:
        self.places = places
        """int64 [rows]."""
        self.starts = torch.searchsorted(places, batch.starts)
        """int64 [sequences + 1]: where the rows of each sequence begin, and the number of rows."""

    @cached_property
    def spans(self) -> Tensor:
        """`starts` as GPU attention wants them."""
        return _filled_up(self.starts)


def _end_to_end(parts: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(parts[0].astype(np.int64) if len(parts) == 1 else np.concatenate(parts, dtype=np.int64))


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on `device`; a GPU fetches it while the processor goes on."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor if tensor.device == device else tensor.to(device)


def _filled_up(starts: Tensor) -> Tensor:
    missing = -(len(starts) - 1) % SEQUENCE_STEP
    return torch.cat([starts, starts[-1:].expand(missing)]).int()


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
