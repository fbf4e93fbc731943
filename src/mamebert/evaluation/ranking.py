"""Measures of ranked answers: the best first, and for each row the set of those that are right."""

from collections.abc import Collection, Hashable, Sequence

from mamebert.evaluation.measures import Measure, mean_of

Rankings = Sequence[Sequence[Hashable]]
Relevant = Sequence[Collection[Hashable]]


def recall_at(k: int, relevant: Relevant, rankings: Rankings) -> Measure:
    """Return the mean share of the right answers that are among the first `k`; rankings may be cut after `k`."""
    pairs = [(set(right), set(ranking[:k])) for right, ranking in _rows(relevant, rankings)]
    return mean_of(f"recall@{k}", [len(right & top) / len(right) for right, top in pairs])


def mrr(relevant: Relevant, rankings: Rankings) -> Measure:
    """Return the mean of 1 / rank of the first right answer, 0 for a row without one (mean reciprocal rank)."""
    return mean_of("mrr", [_reciprocal_rank(set(right), ranking) for right, ranking in _rows(relevant, rankings)])


def _reciprocal_rank(right: set[Hashable], ranking: Sequence[Hashable]) -> float:
    return next((1 / rank for rank, answer in enumerate(ranking, start=1) if answer in right), 0.0)


def _rows(relevant: Relevant, rankings: Rankings) -> list[tuple[Collection[Hashable], Sequence[Hashable]]]:
    pairs = list(zip(relevant, rankings, strict=True))
    if not all(len(right) for right, _ in pairs):
        raise ValueError("Every row needs at least one right answer to be ranked.")
    return pairs
