"""Baselines of a parser; labels and answers are (heads, relations), heads being numbers from 1 and 0 the root."""

from collections.abc import Sequence
from time import perf_counter

from mamebert.evaluation.baselines.fitting import BaselineAnswers, Part
from mamebert.evaluation.baselines.sequences import most_frequent_tag
from mamebert.evaluation.metrics.dependencies import uas

Words = Sequence[str]
ROOT = "root"


def chains(train: Part, valid: Part, test: Part) -> BaselineAnswers:
    """Answer that every word hangs on the word before it, or on the one behind it, whichever fits validation better.

    Each word has the relation it has most often in the training rows.
    """
    started = perf_counter()
    relations = _relations(train, valid, test)
    rates = [uas(_heads(valid), [_chain(len(words), step) for words in valid.inputs]).score for step in (-1, 1)]
    step = 1 if rates[1] > rates[0] else -1
    answers = [(_chain(len(each), step), each) for each in relations]
    name = f"every word hangs on the {'next' if step > 0 else 'previous'} one"
    return BaselineAnswers(name, answers, perf_counter() - started, {"step": float(step)})


def most_frequent_distance(train: Part, valid: Part, test: Part) -> BaselineAnswers:
    """Answer for every word the distance to the head, and the relation, that it has most often in the training rows.

    A head outside the sentence becomes the nearest word inside; answers need not be trees.
    """
    started = perf_counter()
    parts = [Part(part.inputs, [_distances(heads) for heads in _heads(part)]) for part in (train, valid, test)]
    distances = most_frequent_tag(*parts).answers
    relations = _relations(train, valid, test)
    heads = [_inside(each) for each in distances]
    answers = list(zip(heads, relations, strict=True))
    return BaselineAnswers("most frequent distance of each word", answers, perf_counter() - started, {})


def _relations(train: Part, valid: Part, test: Part) -> list[list[str]]:
    parts = [Part(part.inputs, [label for _, label in part.labels]) for part in (train, valid, test)]
    return most_frequent_tag(*parts).answers


def _heads(part: Part) -> list[list[int]]:
    return [heads for heads, _ in part.labels]


def _chain(size: int, step: int) -> list[int]:
    """Return heads one step away; the first or last word, which has none there, hangs on the root."""
    return [head if 0 < head <= size else 0 for head in range(1 + step, size + 1 + step)]


def _distances(heads: Sequence[int]) -> list[str]:
    return [str(head - word) if head else ROOT for word, head in enumerate(heads, 1)]


def _inside(distances: Sequence[str]) -> list[int]:
    size = len(distances)
    aims = [0 if each == ROOT else max(1, min(size, word + int(each))) for word, each in enumerate(distances, 1)]
    return [aim if aim != word else word - 1 for word, aim in enumerate(aims, 1)]
