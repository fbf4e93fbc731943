"""A task's input as the network reads it: sequences, the positions a head reads, and packed batches of both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mamebert.encoder.packing import Packed

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


Ints = npt.NDArray[np.int64]


class _Reads:
    """How the reads of a batch are parted: the tokens that the head reads, example by example."""

    sizes: list[list[int]]

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


@dataclass(frozen=True)
class Laid(_Reads):
    """Examples laid end to end, long sequences first, in arrays: as kernels read them, and what a `TaskBatch` is of."""

    ids: Ints
    """[tokens]."""
    segments: Ints
    """[tokens], 0 or 1."""
    lengths: tuple[int, ...]
    """Tokens in each sequence."""
    places: Ints
    """[reads]: the tokens that are read, rising."""
    order: Ints
    """[reads]: for each read, in the order of the examples, its row among `places`."""
    sizes: list[list[int]]
    """Reads of each sequence of each example."""
    features: list[Features]
    rows: list[int]
    """Which examples of the data set these are."""

    @cached_property
    def starts(self) -> Ints:
        """[sequences + 1]: where each sequence begins, and the number of tokens."""
        return np.array([*accumulate(self.lengths, initial=0)], np.int64)

    def batch(self) -> "TaskBatch":
        """Return the same for torch."""
        from torch import from_numpy

        from mamebert.encoder.packing import Packed

        packed = Packed.laid(self.ids, self.segments, self.lengths)
        places, order = from_numpy(self.places), from_numpy(self.order)
        return TaskBatch(packed, places, order, self.sizes, self.features, self.rows)


@dataclass(frozen=True)
class TaskBatch(_Reads):
    """Examples packed together. "Reads" are the hidden states that the head reads, example by example."""

    packed: "Packed"
    places: "Tensor"
    """int64 [reads]: the tokens that are read, rising."""
    order: "Tensor"
    """int64 [reads]: for each read, in the order of the examples, its row among `places`."""
    sizes: list[list[int]]
    """Reads of each sequence of each example."""
    features: list[Features]
    rows: list[int]
    """Which examples of the data set these are."""

    @cached_property
    def owners(self) -> "Tensor":
        """int64 [reads]: the example of each read."""
        import torch

        numbers = torch.repeat_interleave(torch.arange(len(self.counts)), torch.tensor(self.counts))
        return numbers.to(self.places.device)

    @cached_property
    def filled_up(self) -> "tuple[Packed, Tensor]":
        """Return `packed` and `places` with tokens and reads behind them, up to numbers that seldom change.

        What is behind stands in sequences of its own, which no other token sees, and `order` leaves it out.
        """
        import torch

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
        import torch

        lengths = [[len(sequence) for sequence in each.sequences] for each in self.features]
        flat = [length for each in lengths for length in each]
        starts = _starts(flat)
        order = np.concatenate([start + np.arange(length) for start, length in zip(starts, flat, strict=True)])
        device = self.places.device
        places = torch.arange(len(order), device=device)
        return TaskBatch(self.packed, places, torch.from_numpy(order).to(device), lengths, self.features, self.rows)

    @cached_property
    def among_all_tokens(self) -> "tuple[Tensor, Tensor]":
        """Return where sequences begin among all tokens, int64 [sequences + 1], and the reads there, int64 [reads].

        Tokens are counted one example after the other, as `of_all_tokens` gives what is read of them.
        """
        from torch import from_numpy

        starts = np.cumsum([0, *self.of_all_tokens.sequence_sizes])
        read = [places for each in self.features for places in each.places]
        reads = np.concatenate([start + places for start, places in zip(starts[:-1], read, strict=True)])
        device = self.places.device
        return from_numpy(starts).to(device), from_numpy(reads).to(device)

    def targets(self) -> "Tensor":
        """Return the targets of all examples, one array after the other."""
        from torch import from_numpy

        from mamebert.encoder.packing import to_device

        return to_device(from_numpy(np.concatenate([f.target for f in self.features])), self.places.device)

    def weights(self) -> "Tensor":
        """Return float32 [examples]: how much each counts in the loss."""
        from torch import tensor

        from mamebert.encoder.packing import to_device

        return to_device(tensor([f.weight for f in self.features]), self.places.device)

    def padded(self, reads: "Tensor", counts: Sequence[int] | None = None) -> "tuple[Tensor, Tensor]":
        """Return [examples, longest, ...] with zeros as padding, and bool [examples, longest]: True at real reads.

        `counts` parts the rows otherwise than by examples.
        """
        import torch
        from torch.nn.utils.rnn import pad_sequence

        counts = self.counts if counts is None else counts
        padded = pad_sequence(list(reads.split(list(counts))), batch_first=True)
        visible = torch.arange(padded.shape[1])[None] < torch.tensor(counts)[:, None]
        return padded, visible.to(reads.device)

    def to(self, device: "torch.device") -> "TaskBatch":
        """Return the same batch on another device."""
        if device == self.places.device:  # a single text's answer is made of many such steps
            return self
        from mamebert.encoder.packing import to_device

        places, order = to_device(self.places, device), to_device(self.order, device)
        return TaskBatch(self.packed.to(device), places, order, self.sizes, self.features, self.rows)


def _seldom_changing(size: int) -> int:
    """Return a number from `size` to an eighth above it, or to 7 above it; there are eight for each doubling."""
    step = max(8, 1 << max(0, size.bit_length() - 4))
    return -(-size // step) * step


def as_array(found: "Tensor | npt.NDArray[np.float32]") -> npt.NDArray[np.float32]:
    """Return what a head gives as float32 numbers in memory."""
    return found if isinstance(found, np.ndarray) else found.detach().float().cpu().numpy()


def pack(features: Sequence[Features], rows: Sequence[int]) -> TaskBatch:
    """Return the examples in `rows` laid end to end, for torch."""
    return lay(features, rows).batch()


def lay(features: Sequence[Features], rows: Sequence[int]) -> Laid:
    """Lay the examples in `rows` end to end, long sequences first: attention then groups them better."""
    chosen = [features[row] for row in rows]
    sequences = [sequence for each in chosen for sequence in each.sequences]
    segments = [kinds for each in chosen for kinds in _segments(each)]
    read = [places for each in chosen for places in each.places]
    sizes = [[len(places) for places in each.places] for each in chosen]
    if len(sequences) == 1:  # a text alone waits for nothing that it does not need
        places, order = read[0], np.arange(len(read[0]))
    else:
        by_length, starts = _long_first([*map(len, sequences)]), _starts([*map(len, sequences)])
        wanted = np.concatenate([start + places for start, places in zip(starts, read, strict=True)])
        places = np.sort(wanted)
        order = np.searchsorted(places, wanted)
        sequences, segments = [sequences[i] for i in by_length], [segments[i] for i in by_length]
    lengths = tuple(map(len, sequences))
    return Laid(_end_to_end(sequences), _end_to_end(segments), lengths, places, order, sizes, chosen, list(rows))


def _long_first(lengths: Sequence[int]) -> Ints:
    """Return the numbers of sequences in the order in which they are packed."""
    return np.argsort([-length for length in lengths], kind="stable")


def _starts(lengths: Sequence[int]) -> Ints:
    """Return where each sequence begins when they are packed."""
    order, starts = _long_first(lengths), np.empty(len(lengths), np.int64)
    starts[order] = np.cumsum([0] + [lengths[i] for i in order[:-1]])
    return starts


def _segments(features: Features) -> Sequence[npt.NDArray[Any]]:
    return features.segments or [np.zeros(len(sequence), np.int64) for sequence in features.sequences]


def _end_to_end(parts: Sequence[npt.NDArray[Any]]) -> Ints:
    return parts[0].astype(np.int64) if len(parts) == 1 else np.concatenate(parts, dtype=np.int64)
