"""Which examples share a batch."""

from collections.abc import Iterator, Sequence

import numpy as np

from mamebert.tasks.data.features import Features


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
