"""Measures of ranked answers: the best first, and for each row the set of those that are right."""

from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np

from mamebert.evaluation.metrics.bootstrap import Measure, mean_of

Rankings = Sequence[Sequence[Hashable]]
Relevant = Sequence[Collection[Hashable]]


def recall_at(k: int, relevant: Relevant, rankings: Rankings) -> Measure:
    """Return the mean share of the right answers that are among the first `k`; rankings may be cut after `k`."""
    pairs = [(set(right), set(ranking[:k])) for right, ranking in _rows(relevant, rankings)]
    return mean_of(f"recall@{k}", [len(right & top) / len(right) for right, top in pairs])


def mrr(relevant: Relevant, rankings: Rankings) -> Measure:
    """Return the mean of 1 / rank of the first right answer, 0 for a row without one (mean reciprocal rank)."""
    return mean_of("mrr", [_reciprocal_rank(set(right), ranking) for right, ranking in _rows(relevant, rankings)])


def partner_ranks(first: Any, second: Any, keys: Sequence[Hashable], at_once: int = 1024) -> list[int]:
    """Return for each row of `first` at which rank, from 1, its own row of `second` is found among all rows of it.

    Both are [rows, size], dense or sparse, with rows of length 1 to be ranked by cosine. What is as near as the
    partner counts as nearer, so that vectors that are all the same find nothing; but rows whose key is the partner's
    (the same text) are no rivals. `at_once` rows are compared at a time.
    """
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    key_of = np.array([numbers[key] for key in keys])
    ranks: list[int] = []
    for start in range(0, len(keys), at_once):
        rows = np.arange(start, min(start + at_once, len(keys)))
        found = first[rows] @ second.T
        scores = np.array(found.toarray() if hasattr(found, "toarray") else found)
        own = scores[np.arange(len(rows)), rows].copy()
        scores[key_of[rows][:, None] == key_of] = -np.inf
        ranks += (1 + (scores >= own[:, None]).sum(axis=1)).tolist()
    return ranks


def _reciprocal_rank(right: set[Hashable], ranking: Sequence[Hashable]) -> float:
    return next((1 / rank for rank, answer in enumerate(ranking, start=1) if answer in right), 0.0)


def _rows(relevant: Relevant, rankings: Rankings) -> list[tuple[Collection[Hashable], Sequence[Hashable]]]:
    pairs = list(zip(relevant, rankings, strict=True))
    if not all(len(right) for right, _ in pairs):
        raise ValueError("Every row needs at least one right answer to be ranked.")
    return pairs
