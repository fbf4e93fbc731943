"""From token shards to packed, masked batches: a function of (settings, seed, epoch, number) and nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch

from mamebert.corpus.collocations import collocations_of
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.packing import Packed
from mamebert.objectives import Objective
from mamebert.objectives.data.ahead import ahead
from mamebert.objectives.data.batch_edges import (
    Edges,
    SizeAt,
    cut_pairs,
    cut_runs,
    edges_of_pairs,
    edges_of_runs,
    edges_of_whole_texts,
    shortest,
)
from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.masking import (
    begin_collocations,
    begin_ngrams,
    begin_spans,
    choose_tokens,
    choose_units,
    hide,
)
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import derive_seed


class Epoch(ABC):
    """Batches that are read one after the other; any of them can be made without the others."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def num_tokens(self) -> int:
        """Tokens of the whole epoch, special tokens included."""

    @abstractmethod
    def made(self, number: int, mask_rate: float) -> PretrainingBatch:
        """Return batch `number`, in which a share `mask_rate` of the tokens is asked for."""

    @property
    @abstractmethod
    def mask_rate(self) -> float:
        """Share of the tokens asked for, where it does not change in training."""

    def starting_from(
        self, first: int, mask_rate_of: Callable[[int], float] | None = None
    ) -> Iterator[PretrainingBatch]:
        """Yield the batches from number `first` on, made ahead in a background thread.

        `mask_rate_of` gives the share of tokens asked for by the number of the batch, where it changes in training.
        """
        rate_of = mask_rate_of or (lambda _: self.mask_rate)
        return ahead(self.made(number, rate_of(number)) for number in range(first, len(self)))


class EpochOfBatches(Epoch):
    """The batches of one epoch; any of them can be made without the others.

    Every batch but the last has exactly its number of tokens, and as many chosen tokens as the mask rate
    says. (Less only where no text is long enough to be cut, and for words and spans, where none fits.)
    """

    def __init__(
        self,
        objective: Objective,
        shards: TokenShards,
        special: dict[str, int],
        batch_tokens: int,
        seed: int,
        epoch: int,
        size_at: SizeAt | None = None,
        examples: Callable[[int], Examples] | None = None,
    ) -> None:
        """Plan an epoch. `size_at` gives other sizes than `batch_tokens` by the tokens read in this epoch before.

        `examples` gives the sequences by a seed where they are others than the objective's.
        """
        self._examples_of = examples or (lambda seed: objective.examples(shards, seed))
        self.objective, self.shards, self.special, self.seed = objective, shards, special, seed
        self.epoch = epoch % (objective.dupe_factor or epoch + 1)
        self._size_at = size_at or (lambda _: batch_tokens)
        self._ordinary = np.setdiff1d(np.arange(shards.vocab_size), list(special.values()))

    def __len__(self) -> int:
        return len(self._edges.tokens)

    @property
    def num_tokens(self) -> int:
        """Tokens of the whole epoch, special tokens included."""
        return int(self._edges.tokens.sum())

    def __getitem__(self, number: int) -> PretrainingBatch:
        return self.made(number, self.mask_rate)

    @property
    def mask_rate(self) -> float:
        """Share of the tokens asked for, where it does not change in training."""
        return self.objective.mask_rate

    def made(self, number: int, mask_rate: float) -> PretrainingBatch:
        """Return batch `number`, in which a share `mask_rate` of the tokens is asked for."""
        rng = np.random.default_rng([self._mask_seed, number])
        read = self._read(number, rng)
        # Longest first: attention treats neighbours of equal length together.
        read = read.of(np.argsort(-read.lengths, kind="stable")).sequences()
        lengths = read.lengths
        starts, sizes, num_ranges = read.starts.ravel(), read.sizes.ravel(), read.sizes.shape[1]
        num_tokens, sequence = int(lengths.sum()), np.arange(len(lengths))

        text = self.shards.gather(starts, sizes)
        wanted = max(1, round(mask_rate * num_tokens)) if self.objective.asks_for_words else 0
        begins = self._units(text, starts, sizes, rng)
        wanted = min(wanted, len(text))
        asked = choose_tokens(len(text), wanted, rng) if begins is None else choose_units(begins, wanted, rng)
        shares = self.objective.mask_token_rate, self.objective.random_token_rate
        units = np.cumsum(begins)[asked] if self.objective.hides_whole_units and begins is not None else None
        shown = hide(text, asked, self.special["mask"], self._ordinary, shares[0], rng, shares[1], units)
        draws = rng.random((len(asked), self.objective.num_draws), dtype=np.float32)

        # Range r of sequence s has s * (num_ranges + 1) + r + 1 special tokens before it.
        before = (sequence[:, None] * (num_ranges + 1) + np.arange(1, num_ranges + 1)).ravel()
        places = np.arange(len(text)) + np.repeat(before, sizes)
        firsts = np.cumsum(lengths) - lengths
        ids = np.full(num_tokens, self.special["sep"])
        ids[firsts] = self.special["cls"]
        ids[places] = shown
        segments = np.zeros(num_tokens, np.int64)
        if num_ranges == 2:
            segments = np.repeat(np.tile([0, 1], len(lengths)), (read.sizes + np.array([2, 1])).ravel())
        positions = np.arange(num_tokens) - np.repeat(firsts, lengths)
        tensor = torch.from_numpy
        packed = Packed(tensor(ids), tensor(segments), tensor(positions), tuple(lengths.tolist()))
        chosen, targets, labels = tensor(places[asked]), tensor(text[asked]), tensor(read.labels)
        groups = self.objective.groups(len(lengths))
        made = PretrainingBatch(packed, chosen, targets, labels, tensor(draws), groups, self._examples.labelled)
        return self.objective.pose(made)

    @cached_property
    def _mask_seed(self) -> int:
        return derive_seed(self.seed, "masks", self.epoch)

    @cached_property
    def _examples(self) -> Examples:
        return self._examples_of(derive_seed(self.seed, "examples", self.epoch))

    @cached_property
    def _order(self) -> np.ndarray:
        return np.random.default_rng(derive_seed(self.seed, "order", self.epoch)).permutation(
            len(self._examples.labels)
        )

    @cached_property
    def _edges(self) -> Edges:
        ends = np.cumsum(self._examples.lengths[self._order])
        if self._examples.labelled:
            return edges_of_whole_texts(ends, self._size_at)
        if self._examples.sizes.shape[1] == 1:
            return edges_of_runs(ends, self._size_at, shortest(self.objective.max_length))
        return edges_of_pairs(ends, self._size_at)

    def _read(self, number: int, rng: np.random.Generator) -> Examples:
        """Return what batch `number` reads, cut to its number of tokens."""
        first, last = self._edges.rows[number : number + 2].tolist()
        begun, cut = self._edges.offsets[number : number + 2].tolist()
        read = self._examples.of(self._order[first : last + (cut > 0)])
        if read.labelled:
            return read
        if read.sizes.shape[1] == 1:
            return cut_runs(read, begun, cut, int(self._edges.tokens[number]))
        return cut_pairs(read, int(self._edges.tokens[number]), rng)

    def _units(
        self, text: np.ndarray, starts: np.ndarray, sizes: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Return where what is asked for as a whole begins in ranges laid end to end; None where each token is that."""
        unit = self.objective.mask_unit
        if unit == "token":
            return None
        begins = self.shards.gather_word_starts(starts, sizes)
        breaks = np.cumsum(sizes) - sizes
        if unit == "span":
            begins = begin_spans(begins, breaks, rng)
        begins[breaks] = True
        if unit == "ngram":
            begins = begin_ngrams(begins, breaks, rng)
        elif unit == "pmi":
            rates = self.objective.pmi_min_count, self.objective.pmi_rate
            found = collocations_of(self.shards.folder, *rates, _marks(self.shards.tokenizer_folder))
            begins = begin_collocations(begins, *found.matches(text, begins, breaks), rng)
        return begins


@lru_cache(maxsize=2)
def _marks(tokenizer_folder: Path) -> tuple[int, ...]:
    """Return the ids of pieces without a letter or a digit; none where there is no tokenizer."""
    if not tokenizer_folder.is_dir():
        return ()
    pieces = enumerate(Tokenizer.open(tokenizer_folder).tokens)
    return tuple(number for number, piece in pieces if not any(letter.isalnum() for letter in piece))
