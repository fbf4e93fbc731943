"""Masked words only, over runs of whole documents (RoBERTa's choice; Liu et al., 2019)."""

import numpy as np

from mamebert.corpus.token_shards import TokenShards
from mamebert.objectives import Examples, Objective


class MaskedLM(Objective):
    """Guess the masked tokens of a run of text."""

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Cut every document into runs of the longest length.

        The first run of each is of random length, so that the cuts differ from epoch to epoch.
        """
        room = self.max_length - 2
        edges = shards.sentence_starts[shards.document_starts]
        starts, ends = edges[:-1], edges[1:]
        first = np.minimum(np.random.default_rng(seed).integers(1, room + 1, len(starts)), ends - starts)
        # A document no longer than one run stays whole.
        first = np.where(ends - starts <= room, ends - starts, first)
        rest = -(-(ends - starts - first) // room)
        document = np.repeat(np.arange(len(starts)), rest)
        number = np.arange(len(document)) - np.repeat(np.cumsum(rest) - rest, rest)
        later = (starts + first)[document] + number * room
        a = np.concatenate([starts, later])
        b = np.concatenate([starts + first, np.minimum(later + room, ends[document])])
        keep = b > a
        spans = np.stack([a, b, b, b], axis=1)[keep]
        return Examples(spans, np.zeros(len(spans), np.int64))
