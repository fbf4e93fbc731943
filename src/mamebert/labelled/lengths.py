"""Lengths of labelled rows in tokens, counted between fixed edges: what a run writes down of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mamebert.tasks.bag.network import WHOLE
from mamebert.tasks.data.features import Features

EDGES = (0, 4, 8, *(size for power in range(4, 17) for size in (2**power, 3 * 2 ** (power - 1))))
"""Powers of two, and from 16 on half way between them too. A row is counted between two edges if it is longer than the
lower one and at most as long as the upper one; the longest rows of all are counted in the last place."""


def count_lengths(features: Mapping[str, Sequence[Features]], max_length: int) -> dict[str, Any]:
    """Return how many rows of each part lie between any two edges, median, longest, and how many are cut.

    Tokens that are not read count too; the beginning of very long texts alone is looked at, so their number is an
    estimate. `max_length` is None where all of a row is read, and where a row has several sequences, as windows or
    choices: each is cut by itself.
    """
    several = any(len(each.sequences) > 1 for part in features.values() for each in part)
    lengths = {name: np.array([each.full_length for each in part]) for name, part in features.items() if part}
    placed = {name: np.clip(np.searchsorted(EDGES, each), 1, len(EDGES) - 1) - 1 for name, each in lengths.items()}
    last = max((int(each.max()) for each in placed.values()), default=-1) + 1
    return {
        "max_length": None if several or max_length >= WHOLE else max_length,
        "edges": list(EDGES[: last + 1]),
        "parts": {
            name: {
                "counts": np.bincount(placed[name], minlength=last).tolist(),
                "median": float(np.median(each)),
                "longest": int(each.max()),
                "cut": sum(one.num_truncated > 0 for one in features[name]),
            }
            for name, each in lengths.items()
        },
    }
