"""Measures of tagged words and of things found in a text; a row is a sentence or a text."""

from collections.abc import Collection, Hashable, Sequence

import numpy as np

from mamebert.evaluation.metrics.bootstrap import Measure, found_among, ratio, set_counts

Tags = Sequence[Sequence[str]]
Span = tuple[int, int, str]


def token_accuracy(expected: Tags, predicted: Tags) -> Measure:
    """Return the share of words tagged rightly; every sentence has as many tags of either kind."""
    pairs = list(zip(expected, predicted, strict=True))
    right = [sum(a == b for a, b in zip(wanted, given, strict=True)) for wanted, given in pairs]
    return ratio("token_accuracy", right, [len(wanted) for wanted, _ in pairs])


def entity_f1(expected: Tags, predicted: Tags) -> Measure:
    """Return F1 of entities as in the CoNLL shared tasks (conlleval): first word, last word and type must be right."""
    return found_among("entity_f1", *_entities(expected, predicted))


def entity_precision(expected: Tags, predicted: Tags) -> Measure:
    """Return the share of predicted entities that are right, 0 where none is predicted."""
    counts = set_counts(*_entities(expected, predicted))
    return ratio("entity_precision", counts[:, 0], counts[:, 1])


def entity_recall(expected: Tags, predicted: Tags) -> Measure:
    """Return the share of expected entities that are found, 0 where none is expected."""
    counts = set_counts(*_entities(expected, predicted))
    return ratio("entity_recall", counts[:, 0], counts[:, 2])


def span_f1(expected: Sequence[Collection[Span]], predicted: Sequence[Collection[Span]]) -> Measure:
    """Return F1 of spans (start, end, type) given as sets, such as characters of a Japanese text."""
    return found_among("span_f1", expected, predicted)


def entities(tags: Sequence[str]) -> list[Span]:
    """Return (first word, word after the last, type) of each entity in a sentence tagged in IOB1, IOB2 or BIOES.

    Wrong sequences are read as conlleval does (as seqeval's default mode): I-X after O or after another type begins an
    entity. Tags other than O need one of the marks B-, I-, E-, S-.
    """
    found: list[Span] = []
    first, mark, kind = 0, "O", ""
    for place, tag in enumerate([*tags, "O"]):
        last_mark, last_kind = mark, kind
        mark, kind = tag[:1], tag[1:].split("-", maxsplit=1)[-1] or "_"
        is_other = kind != last_kind
        ends = last_mark in _LAST or (last_mark in _INSIDE and mark in _BEHIND)
        if ends or (last_mark not in _NONE and is_other):
            found.append((first, place, last_kind))
        if mark in _FIRST or (last_mark in _BEFORE and mark in _GOES_ON) or (mark not in _NONE and is_other):
            first = place
    return found


_NONE, _INSIDE, _GOES_ON = frozenset("O."), frozenset("BI"), frozenset("EI")
_FIRST, _LAST = frozenset("BS"), frozenset("ES")
_BEFORE, _BEHIND = _LAST | {"O"}, _FIRST | {"O"}
"""Marks, by what they say of the words beside them."""


def _entities(expected: Tags, predicted: Tags) -> tuple[list[Collection[Hashable]], list[Collection[Hashable]]]:
    if not np.array_equal([len(each) for each in expected], [len(each) for each in predicted]):
        raise ValueError("Every sentence needs as many expected as predicted tags.")
    return [entities(each) for each in expected], [entities(each) for each in predicted]
