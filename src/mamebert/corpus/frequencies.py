"""Token counts."""

import numpy as np
import numpy.typing as npt

from mamebert.corpus.token_shards import TokenShards

RUN = 100_000  # tokens counted at a time


def token_counts(shards: TokenShards, about: int = 10_000_000) -> npt.NDArray[np.int64]:
    """Return int64 [vocabulary]: the occurrences in about so many tokens, in runs spread evenly over the text.

    Ten million take a twentieth of a second; all are counted where there are fewer.
    """
    every = RUN * max(1, -(-shards.num_tokens // max(1, about)))
    counts = np.zeros(shards.vocab_size, np.int64)
    for start in range(0, shards.num_tokens, every):
        ids = shards.tokens(start, min(start + RUN, shards.num_tokens))
        counts += np.bincount(ids, minlength=shards.vocab_size)
    return counts
