"""Pairs of crops: two passages of one document that do not overlap, drawn from token shards."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.corpus.token_shards import TokenShards

LEAST_TOKENS = 24
"""Documents shorter than this have no crops: of fewer than a dozen words little can be told."""


class CropPairs(NamedTuple):
    """Places of pairs; the crops of a pair are equally long."""

    starts: npt.NDArray[np.int64]
    """[pairs, 2]: first token of each crop, in shards; the first crop comes before the second."""
    sizes: npt.NDArray[np.int64]
    """[pairs]: tokens of either crop."""
    documents: npt.NDArray[np.int64]
    """[pairs]: number of the document."""

    def tokens(self, shards: TokenShards) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the ids of all first crops and then of all second ones, end to end, and where each crop begins."""
        sizes = np.tile(self.sizes, 2)
        return shards.gather(self.starts.T.ravel(), sizes), np.cumsum(sizes) - sizes


class Crops:
    """The documents of shards that are long enough, and pairs drawn from them."""

    def __init__(self, shards: TokenShards, longest: int, window: int, shortest: int = 0) -> None:
        """A crop has at most `longest` tokens, and both of a pair lie within `window` tokens.

        Crops are as long as that allows or, with `shortest`, of any length from that on, each as likely.
        """
        self.longest, self.window, self.shortest = longest, window, shortest
        bounds = shards.sentence_starts[shards.document_starts]
        sizes = np.diff(bounds)
        self.documents = np.flatnonzero(sizes >= LEAST_TOKENS)
        self._starts, self._sizes = bounds[:-1][self.documents], sizes[self.documents]
        self._ends = np.cumsum(self._sizes)

    @property
    def num_tokens(self) -> int:
        """Tokens of the documents that are long enough."""
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def tokens_per_pair(self) -> float:
        """Tokens of both crops of a pair, on average."""
        longest = self._longest(self._sizes)
        lengths = (longest + np.minimum(longest, self.shortest or longest)) / 2
        return float(2 * (lengths * self._sizes).sum() / max(1, self.num_tokens))

    def draw(self, num_pairs: int, rng: np.random.Generator) -> CropPairs:
        """Return pairs at places drawn from all tokens alike, so that a long document has as many as its length."""
        places = np.searchsorted(self._ends, rng.integers(0, self.num_tokens, num_pairs), side="right")
        return self._within(places, rng)

    def one_of_each(self, most: int, rng: np.random.Generator) -> CropPairs:
        """Return a pair of each document, or of so many documents drawn at random, in the order of the text."""
        number = len(self.documents)
        chosen = np.sort(rng.permutation(number)[:most]) if number > most else np.arange(number)
        return self._within(chosen, rng)

    def _within(self, chosen: npt.NDArray[np.int64], rng: np.random.Generator) -> CropPairs:
        starts, sizes = self._starts[chosen], self._sizes[chosen]
        seen = np.minimum(sizes, self.window)
        starts = starts + rng.integers(0, sizes - seen + 1)
        lengths = self._longest(sizes)
        if self.shortest:
            lengths = rng.integers(np.minimum(lengths, self.shortest), lengths + 1)
        free = np.sort(rng.integers(0, (seen - 2 * lengths + 1)[:, None], (len(chosen), 2)), axis=1)
        free[:, 1] += lengths
        return CropPairs(starts[:, None] + free, lengths, self.documents[chosen])

    def _longest(self, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        longest: npt.NDArray[np.int64] = np.minimum(np.minimum(sizes, self.window) // 2, self.longest)
        return longest
