"""Measures of dependency trees; a row is a sentence, and nothing is excluded, punctuation included (CoNLL 2018)."""

from collections.abc import Sequence

from mamebert.evaluation.metrics.bootstrap import Measure, ratio

Heads = Sequence[Sequence[int]]
Relations = Sequence[Sequence[str]]


def uas(expected: Heads, predicted: Heads) -> Measure:
    """Return the share of words that hang on the right head (unlabelled attachment score)."""
    return _share_right("uas", expected, predicted)


def las(expected: Heads, expected_relations: Relations, predicted: Heads, predicted_relations: Relations) -> Measure:
    """Return the share of words with the right head and the right relation (labelled attachment score).

    Relations are compared without the subtypes of single languages, as in CoNLL 2018: "nsubj:pass" is "nsubj".
    """
    wanted = [_edges(*each) for each in zip(expected, expected_relations, strict=True)]
    given = [_edges(*each) for each in zip(predicted, predicted_relations, strict=True)]
    return _share_right("las", wanted, given)


def _edges(heads: Sequence[int], relations: Sequence[str]) -> list[tuple[int, str]]:
    return [(int(head), name.partition(":")[0]) for head, name in zip(heads, relations, strict=True)]


def _share_right(name: str, expected: Sequence[Sequence[object]], predicted: Sequence[Sequence[object]]) -> Measure:
    pairs = list(zip(expected, predicted, strict=True))
    right = [sum(a == b for a, b in zip(wanted, given, strict=True)) for wanted, given in pairs]
    return ratio(name, right, [len(wanted) for wanted, _ in pairs])
