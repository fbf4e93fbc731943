"""A baseline that marks things in a text: what was marked in training is marked wherever it stands."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from time import perf_counter

from mamebert.evaluation.baselines.fitting import BaselineAnswers, Part
from mamebert.evaluation.metrics.entities import Span, span_f1

SHORTEST = (1, 2, 3)
"""Shortest names, in characters, among which validation rows choose: short ones stand inside of other words."""

Names = dict[str, str]
"""What is marked, and as what."""


def dictionary(train: Part, valid: Part, test: Part) -> BaselineAnswers:
    """Answer each text with the ranges (start, end, type) that spell something marked in the training rows.

    At each character the longest such name is taken, with the type it has most often (of equals the first in the
    alphabet); the next is looked for behind it.
    """
    started = perf_counter()
    known = _most_frequent_types(train)
    kinds = {least: {name: kind for name, kind in known.items() if len(name) >= least} for least in SHORTEST}
    scores = {least: span_f1(valid.labels, _found(names, valid.inputs)).score for least, names in kinds.items()}
    best = max(kinds, key=scores.__getitem__)  # of equals the first
    answers = _found(kinds[best], test.inputs)
    chosen = {"shortest_name": float(best), "num_features": float(len(kinds[best]))}
    return BaselineAnswers("dictionary of marked names", answers, perf_counter() - started, chosen)


def _most_frequent_types(train: Part) -> Names:
    types: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, spans in zip(train.inputs, train.labels, strict=True):
        for start, end, kind in spans:
            types[text[start:end]][kind] += 1
    return {name: min((-count, kind) for kind, count in counts.items())[1] for name, counts in types.items()}


def _found(names: Names, texts: Iterable[str]) -> list[list[Span]]:
    sizes: defaultdict[str, set[int]] = defaultdict(set)
    for name in names:
        sizes[name[0]].add(len(name))
    longest_first = {first: sorted(each, reverse=True) for first, each in sizes.items()}
    return [_longest(names, longest_first, text) for text in texts]


def _longest(names: Names, sizes: dict[str, list[int]], text: str) -> list[Span]:
    spans: list[Span] = []
    place = 0
    while place < len(text):
        fitting = [size for size in sizes.get(text[place], ()) if place + size <= len(text)]
        size = next((size for size in fitting if text[place : place + size] in names), 0)
        if size:
            spans.append((place, place + size, names[text[place : place + size]]))
        place += size or 1
    return spans
