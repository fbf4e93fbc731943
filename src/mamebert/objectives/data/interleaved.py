"""Batches of two texts in turn: the corpus, and another that every n-th batch is made of."""

from collections.abc import Callable
from functools import cache, lru_cache

from mamebert.objectives.data.batches import Epoch, EpochOfBatches
from mamebert.objectives.data.pretraining_batch import PretrainingBatch


class InterleavedEpoch(Epoch):
    """An epoch of the corpus with batches of a second text in between; where that alone is read, a pass over it.

    An epoch begins the second text anew, in another order, and reads it as often as its batches need.
    """

    def __init__(self, corpus: Epoch, number: int, every: int, pass_of: Callable[[int, int], EpochOfBatches]) -> None:
        """Plan epoch `number`; `pass_of` gives a pass over the second text by the number of the epoch and its own."""
        self._corpus, self._every = corpus, every
        self._pass = lru_cache(maxsize=2)(lambda turn: pass_of(number, turn))
        self._length_of_pass = cache(lambda turn: len(self._pass(turn)))

    def __len__(self) -> int:
        if self._every == 1:
            return self._length_of_pass(0)
        return len(self._corpus) + len(self._corpus) // (self._every - 1)

    @property
    def num_tokens(self) -> int:
        """Tokens of the whole epoch, special tokens included; those of the second text by their mean."""
        once = self._pass(0)
        if self._every == 1:
            return once.num_tokens
        return self._corpus.num_tokens + (len(self) - len(self._corpus)) * once.num_tokens // len(once)

    @property
    def mask_rate(self) -> float:
        """Share of the tokens asked for, where it does not change in training."""
        return self._corpus.mask_rate

    def made(self, number: int, mask_rate: float) -> PretrainingBatch:
        """Return batch `number`, in which a share `mask_rate` of the tokens is asked for."""
        rounds, place = divmod(number, self._every)
        if place < self._every - 1:
            return self._corpus.made(number - rounds, mask_rate)
        turn = 0
        while rounds >= self._length_of_pass(turn):
            rounds -= self._length_of_pass(turn)
            turn += 1
        return self._pass(turn).made(rounds, mask_rate)
