"""The sequences of an epoch, before anything is hidden in them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mamebert.corpus.token_shards import TokenShards


@dataclass(frozen=True)
class Examples:
    """The sequences of one epoch, as places in the token shards.

    An example is one range of tokens, shown as [CLS] a [SEP], or two, shown as [CLS] a [SEP] b [SEP] or, `apart`, as
    two sequences.
    """

    starts: np.ndarray
    """int64 [examples, 1 or 2]: first token of each range."""
    sizes: np.ndarray
    """int64 [examples, 1 or 2]: tokens of each range, 1 or more."""
    labels: np.ndarray
    """int64 [examples]: answer of the sentence question, 0 where none is asked."""
    apart: bool = False
    """Whether each range is a sequence of its own."""
    labelled: bool = False
    """Whether labels are classes of whole texts, which are never cut: batches have no more tokens than they should."""

    @property
    def num_special(self) -> int:
        """Special tokens of an example."""
        ranges = int(self.sizes.shape[1])
        return 2 * ranges if self.apart else ranges + 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 [examples]: tokens of each example, special tokens included."""
        lengths: np.ndarray = self.sizes.sum(axis=1) + self.num_special
        return lengths

    def of(self, rows: np.ndarray) -> "Examples":
        """Return the examples in `rows`."""
        return replace(self, starts=self.starts[rows], sizes=self.sizes[rows], labels=self.labels[rows])

    def sequences(self) -> "Examples":
        """Return an example for each sequence: those of an example that has two are neighbours."""
        if not self.apart:
            return self
        labels = np.repeat(self.labels, self.sizes.shape[1])
        return Examples(self.starts.reshape(-1, 1), self.sizes.reshape(-1, 1), labels)


@dataclass(frozen=True)
class SecondText:
    """Texts that are read beside the corpus, such as the labelled rows of a task, and how often."""

    shards: TokenShards
    examples: Callable[[int], Examples]
    """Their sequences by a seed: one pass over all of them."""
    every: int
    """Every so many-th batch is made of them: 1 or more; 1 reads nothing else."""
