"""From token shards to packed, masked batches: a function of (settings, seed, epoch, number) and nothing else."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.packing import Packed
from mamebert.objectives import Examples, Objective, PretrainingBatch
from mamebert.objectives._masking import choose_tokens, hide
from mamebert.training.loop import derive_seed


class EpochOfBatches:
    """The batches of one epoch; any of them can be made without the others."""

    def __init__(
        self,
        objective: Objective,
        shards: TokenShards,
        special: dict[str, int],
        batch_tokens: int,
        seed: int,
        epoch: int,
    ) -> None:
        self.objective, self.shards, self.special = objective, shards, special
        self.batch_tokens, self.seed, self.epoch = batch_tokens, seed, epoch

    @cached_property
    def _examples(self) -> Examples:
        found = self.objective.examples(self.shards, derive_seed(self.seed, "examples", self.epoch))
        order = np.random.default_rng(derive_seed(self.seed, "order", self.epoch)).permutation(len(found.labels))
        return Examples(found.spans[order], found.labels[order])

    @cached_property
    def _edges(self) -> np.ndarray:
        # Batch k ends with the example that reaches (k + 1) * batch_tokens.
        filled = np.cumsum(self._examples.lengths)
        marks = np.arange(self.batch_tokens, filled[-1] + self.batch_tokens, self.batch_tokens)
        ends = np.minimum(np.searchsorted(filled, marks) + 1, len(filled))
        return np.unique(np.concatenate([[0], ends]))

    def __len__(self) -> int:
        return len(self._edges) - 1

    @property
    def num_tokens(self) -> int:
        """Tokens of the whole epoch, special tokens included."""
        return int(self._examples.lengths.sum())

    def starting_from(self, first: int) -> Iterator[PretrainingBatch]:
        """Yield the batches from number `first` on."""
        for number in range(first, len(self)):
            yield self[number]

    def __getitem__(self, number: int) -> PretrainingBatch:
        rows = np.arange(self._edges[number], self._edges[number + 1])
        # Longest first: attention treats neighbours of equal length together.
        rows = rows[np.argsort(-self._examples.lengths[rows], kind="stable")]
        rng = np.random.default_rng(derive_seed(self.seed, "masks", self.epoch, number))
        parts = [self._sequence(span) for span in self._examples.spans[rows].tolist()]
        lengths = self._examples.lengths[rows]
        ids = np.concatenate([p for p, _ in parts])
        segments = np.concatenate([s for _, s in parts])
        special = np.isin(ids, list(self.special.values()))
        chosen = choose_tokens(lengths, ~special, self.objective.mask_rate, rng)
        shown = hide(ids, chosen, self.special["mask"], self.shards.vocab_size, self.objective.mask_token_rate, rng)
        places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        labels = self._examples.labels[rows]
        tensor = torch.from_numpy
        packed = Packed(tensor(shown), tensor(segments), tensor(places), tuple(lengths.tolist()))
        return PretrainingBatch(packed, tensor(chosen), tensor(ids[chosen]), tensor(labels))

    def _sequence(self, span: list[int]) -> tuple[np.ndarray, np.ndarray]:
        a, b = self.shards.tokens(span[0], span[1]), self.shards.tokens(span[2], span[3]) if span[3] > span[2] else None
        size = len(a) + 2 + (len(b) + 1 if b is not None else 0)
        ids, segments = np.empty(size, np.int64), np.zeros(size, np.int64)
        ids[0], ids[1 : len(a) + 1], ids[len(a) + 1] = self.special["cls"], a, self.special["sep"]
        if b is not None:
            ids[len(a) + 2 : -1], ids[-1] = b, self.special["sep"]
            segments[len(a) + 2 :] = 1
        return ids, segments
