"""Runs of whole documents (RoBERTa's choice; Liu et al., 2019)."""

import numpy as np

from mamebert.corpus.token_shards import TokenShards
from mamebert.objectives.data.batch_edges import shortest
from mamebert.objectives.data.examples import Examples


def runs_of_text(shards: TokenShards, max_length: int, seed: int) -> Examples:
    """Cut every document into runs of the longest length, special tokens included.

    The first run of each is of random length, so that the cuts differ from epoch to epoch.
    """
    room, least = max_length - 2, shortest(max_length) - 2
    edges = shards.sentence_starts[shards.document_starts]
    sizes = np.diff(edges)
    first = np.random.default_rng(seed).integers(least, room + 1, len(sizes))
    # A document no longer than one run stays whole.
    runs = np.where(sizes <= room, 1, 1 - (first - sizes) // room)
    document = np.repeat(np.arange(len(runs)), runs)
    number = np.arange(len(document)) - np.repeat(np.cumsum(runs) - runs, runs)
    start = np.where(number > 0, first[document] + (number - 1) * room, 0)
    is_last = number == runs[document] - 1
    # A last run that would be too short begins within the one before.
    start = np.where(is_last & (number > 0), np.minimum(start, sizes[document] - least), start)
    end = np.where(is_last, sizes[document], np.append(start[1:], 0))
    return Examples((edges[document] + start)[:, None], (end - start)[:, None], np.zeros(len(start), np.int64))
