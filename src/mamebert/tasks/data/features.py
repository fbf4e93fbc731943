"""A task's input as the network reads it: sequences, the positions a head reads, and packed batches of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mamebert.encoder.packing import Packed, to_device

FIRST = np.zeros(1, np.int64)
"""The places of a head that reads [CLS] alone."""
IGNORE_INDEX = -100
"""A number in a target that losses pass over: nobody told it, or no output stands for it."""


class Unusable(Exception):
    """A row from which nothing can be learnt or asked; says why in a few words. Such rows are counted and told."""


@dataclass(frozen=True)
class Example:
    """One row as a task understands it."""

    inputs: Any
    """What is asked, in the task's own form: texts, words, a question and its passage ..."""
    gold: Any
    """The right answer, in the form `Task.gold` gives; None where nobody told."""
    row: int
    """Number of the row in its source, counted from 0."""


@dataclass(frozen=True)
class TaskState:
    """What a task takes from labelled rows besides weights; kept in config.json."""

    labels: tuple[str, ...] = ()
    """The answers it can give, in the order of the outputs."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """What training or validation rows decided: thresholds, means. Plain JSON."""


@dataclass(frozen=True)
class Features:
    """One example as the network reads it: one sequence, or several (windows, choices, sections)."""

    sequences: Sequence[npt.NDArray[Any]]
    """Token ids of each sequence, [CLS] ... [SEP]."""
    places: Sequence[npt.NDArray[np.int64]]
    """For each sequence the tokens that the head reads, in rising order."""
    segments: Sequence[npt.NDArray[Any]] | None = None
    """0 or 1 for each token of each sequence; None is all 0."""
    target: Any = None
    """What the loss compares with, in the task's own form; None where nobody told."""
    weight: float = 1.0
    """How much the example counts in the loss, for tasks that weigh."""
    num_truncated: int = 0
    """Pieces of the input that no sequence holds, because they did not fit."""
    notes: Any = None
    """What is needed to bring outputs back to the input: offsets, word numbers."""
    text_ids: npt.NDArray[Any] | None = None
    """Token ids of a text that is read in chunks, without [CLS] and [SEP]: training cuts its sequence from them."""

    @property
    def num_tokens(self) -> int:
        """Tokens of all sequences."""
        return sum(map(len, self.sequences))

    @property
    def full_length(self) -> int:
        """Tokens of all sequences, and the pieces that none of them holds."""
        return self.num_tokens + self.num_truncated


@dataclass(frozen=True)
class TaskBatch:
    """Examples packed together. "Reads" are the hidden states that the head reads, example by example."""

    packed: Packed
    places: Tensor
    """int64 [reads]: the tokens that are read, rising."""
    order: Tensor
    """int64 [reads]: for each read, in the order of the examples, its row among `places`."""
    sizes: list[list[int]]
    """Reads of each sequence of each example."""
    features: list[Features]
    rows: list[int]
    """Which examples of the data set these are."""

    @cached_property
    def counts(self) -> list[int]:
        """Reads of each example."""
        return [sum(each) for each in self.sizes]

    @cached_property
    def sequence_sizes(self) -> list[int]:
        """Reads of each sequence, all sequences of all examples after another."""
        return [size for each in self.sizes for size in each]

    @cached_property
    def num_sequences(self) -> list[int]:
        """Sequences of each example."""
        return [len(each) for each in self.sizes]

    @cached_property
    def owners(self) -> Tensor:
        """int64 [reads]: the example of each read."""
        numbers = torch.repeat_interleave(torch.arange(len(self.counts)), torch.tensor(self.counts))
        return numbers.to(self.places.device)

    @cached_property
    def filled_up(self) -> tuple[Packed, Tensor]:
        """Return `packed` and `places` with tokens and reads behind them, up to numbers that seldom change.

        What is behind stands in sequences of its own, which no other token sees, and `order` leaves it out.
        """
        reads, tokens = len(self.places), len(self.packed.ids)
        more_reads = _seldom_changing(reads) - reads
        more = _seldom_changing(tokens + more_reads) - tokens
        if not more:
            return self.packed, self.places
        return self.packed.with_filler(more), torch.cat(
            [self.places, self.places.new_tensor(range(more_reads)) + tokens]
        )

    @cached_property
    def of_all_tokens(self) -> "TaskBatch":
        """The same examples, of which every token is read."""
        lengths = [[len(sequence) for sequence in each.sequences] for each in self.features]
        flat = [length for each in lengths for length in each]
        starts = _starts(flat)
        order = np.concatenate([start + np.arange(length) for start, length in zip(starts, flat, strict=True)])
        device = self.places.device
        places = torch.arange(len(order), device=device)
        return TaskBatch(self.packed, places, torch.from_numpy(order).to(device), lengths, self.features, self.rows)

    @cached_property
    def among_all_tokens(self) -> tuple[Tensor, Tensor]:
        """Return where sequences begin among all tokens, int64 [sequences + 1], and the reads there, int64 [reads].

        Tokens are counted one example after the other, as `of_all_tokens` gives what is read of them.
        """
        starts = np.cumsum([0, *self.of_all_tokens.sequence_sizes])
        read = [places for each in self.features for places in each.places]
        reads = np.concatenate([start + places for start, places in zip(starts[:-1], read, strict=True)])
        device = self.places.device
        return torch.from_numpy(starts).to(device), torch.from_numpy(reads).to(device)

    def targets(self) -> Tensor:
        """Return the targets of all examples, one array after the other."""
        return to_device(torch.from_numpy(np.concatenate([f.target for f in self.features])), self.places.device)

    def weights(self) -> Tensor:
        """Return float32 [examples]: how much each counts in the loss."""
        return to_device(torch.tensor([f.weight for f in self.features]), self.places.device)

    def padded(self, reads: Tensor, counts: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """Return [examples, longest, ...] with zeros as padding, and bool [examples, longest]: True at real reads.

        `counts` parts the rows otherwise than by examples.
        """
        counts = self.counts if counts is None else counts
        padded = pad_sequence(list(reads.split(list(counts))), batch_first=True)
        visible = torch.arange(padded.shape[1])[None] < torch.tensor(counts)[:, None]
        return padded, visible.to(reads.device)

    def to(self, device: torch.device) -> "TaskBatch":
        """Return the same batch on another device."""
        if device == self.places.device:  # a single text's answer is made of many such steps
            return self
        places, order = to_device(self.places, device), to_device(self.order, device)
        return TaskBatch(self.packed.to(device), places, order, self.sizes, self.features, self.rows)


def _seldom_changing(size: int) -> int:
    """Return a number from `size` to an eighth above it, or to 7 above it; there are eight for each doubling."""
    step = max(8, 1 << max(0, size.bit_length() - 4))
    return -(-size // step) * step


def as_array(found: Tensor) -> npt.NDArray[np.float32]:
    """Return what a head gives as float32 numbers in memory."""
    plain = found.device.type == "cpu" and found.dtype == torch.float32 and not found.requires_grad
    result: npt.NDArray[np.float32] = found.numpy() if plain else found.detach().float().cpu().numpy()
    return result


def pack(features: Sequence[Features], rows: Sequence[int]) -> TaskBatch:
    """Lay the examples in `rows` end to end, long sequences first: attention then groups them better."""
    chosen = [features[row] for row in rows]
    sequences = [sequence for each in chosen for sequence in each.sequences]
    segments = [kinds for each in chosen for kinds in _segments(each)]
    read = [places for each in chosen for places in each.places]
    sizes = [[len(places) for places in each.places] for each in chosen]
    if len(sequences) == 1:  # a text alone waits for nothing that it does not need
        packed, (wanted,) = Packed.of(sequences, segments), read
        return TaskBatch(packed, torch.from_numpy(wanted), torch.arange(len(wanted)), sizes, chosen, list(rows))
    lengths = [len(sequence) for sequence in sequences]
    order, starts = _long_first(lengths), _starts(lengths)
    wanted = np.concatenate([start + places for start, places in zip(starts, read, strict=True)])
    rising = np.sort(wanted)
    return TaskBatch(
        Packed.of([sequences[i] for i in order], [segments[i] for i in order]),
        torch.from_numpy(rising),
        torch.from_numpy(np.searchsorted(rising, wanted)),
        sizes,
        chosen,
        list(rows),
    )


def _long_first(lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the numbers of sequences in the order in which they are packed."""
    return np.argsort([-length for length in lengths], kind="stable")


def _starts(lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return where each sequence begins when they are packed."""
    order, starts = _long_first(lengths), np.empty(len(lengths), np.int64)
    starts[order] = np.cumsum([0] + [lengths[i] for i in order[:-1]])
    return starts


def batches(
    features: Sequence[Features], order: Sequence[int], batch_tokens: int, batch_rows: int = 0
) -> Iterator[list[int]]:
    """Yield which examples share a batch: those in `order`, up to `batch_tokens` tokens or `batch_rows` examples.

    With `batch_rows` only they count. An example larger than `batch_tokens` makes a batch alone.
    """
    rows: list[int] = []
    filled = 0
    for row in order:
        size = features[row].num_tokens
        if rows and (len(rows) == batch_rows if batch_rows else filled + size > batch_tokens):
            yield rows
            rows, filled = [], 0
        rows.append(int(row))
        filled += size
    if rows:
        yield rows


def batches_of_like_length(
    features: Sequence[Features], batch_tokens: int, rng: np.random.Generator, pool: int = 32
) -> list[list[int]]:
    """Return which examples share a batch of up to `batch_tokens` tokens, in a random order, each example once.

    Examples are shuffled, and then sorted within pools of `pool` batches by their longest sequence, so that batches of
    them hold little padding and differ from epoch to epoch all the same; the batches are shuffled in turn.
    """
    order = rng.permutation(len(features))
    tokens = np.cumsum([features[row].num_tokens for row in order])
    longest = np.array([max(map(len, features[row].sequences)) for row in order])
    pools = (tokens - 1) // (batch_tokens * pool)
    # Up and down by turns: where two pools meet, examples of like length do.
    sorted_in_pools = order[np.lexsort((np.where(pools % 2, -longest, longest), pools))]
    found = list(batches(features, sorted_in_pools.tolist(), batch_tokens))
    return [found[number] for number in rng.permutation(len(found))]


def _segments(features: Features) -> Sequence[npt.NDArray[Any]]:
    return features.segments or [np.zeros(len(sequence), np.int64) for sequence in features.sequences]
