"""A simple peer that marks things in a text: what was marked in training is marked wherever it stands."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from time import perf_counter

from mamebert.evaluation.baselines import Answered, Part
from mamebert.evaluation.entities import Span, span_f1

SHORTEST = (1, 2, 3, 4)
"""Shortest names, in characters, among which validation rows choose: short ones stand inside of other words."""


def dictionary(train: Part, valid: Part, test: Part) -> Answered:
    """Answer each text with the ranges (start, end, type) that spell something marked in the training rows.

    At each character the longest such name is taken, with the type it has most often (of equals the first in the
    alphabet); the next is looked for behind it.
    """
    started = perf_counter()
    types: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, spans in zip(train.inputs, train.labels, strict=True):
        for start, end, kind in spans:
            types[text[start:end]][kind] += 1
    known = {name: min((-count, kind) for kind, count in counts.items())[1] for name, counts in types.items()}
    names = {least: {name: kind for name, kind in known.items() if len(name) >= least} for least in SHORTEST}
    rates = {least: span_f1(valid.labels, _found(names[least], valid.inputs)).score for least in SHORTEST}
    best = max(SHORTEST, key=rates.__getitem__)  # of equals the first
    answers = _found(names[best], test.inputs)
    chosen = {"shortest_name": float(best), "num_features": float(len(names[best]))}
    return Answered("dictionary of marked names", answers, perf_counter() - started, chosen)


def _found(names: dict[str, str], texts: Sequence[str]) -> list[list[Span]]:
    sizes = sorted({len(name) for name in names}, reverse=True)
    return [_longest(names, sizes, text) for text in texts]


def _longest(names: dict[str, str], sizes: Sequence[int], text: str) -> list[Span]:
    spans: list[Span] = []
    place = 0
    while place < len(text):
        fitting = (text[place : place + size] for size in sizes if place + size <= len(text))
        if name := next((each for each in fitting if each in names), ""):
            spans.append((place, place + len(name), names[name]))
        place += len(name) or 1
    return spans
