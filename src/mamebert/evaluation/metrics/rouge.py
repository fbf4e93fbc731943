"""ROUGE (Lin, 2004): how much of a summary is in the reference, by words or, for unspaced languages, by characters."""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import islice
from typing import Literal

from mamebert.evaluation.metrics.bootstrap import Measure, mean_of

Units = Sequence[Hashable]

WORDS = re.compile(r"\w+")


def rouge_units(text: str, unit: Literal["word", "character"]) -> list[str]:
    """Return what ROUGE counts: runs of letters, digits and marks, or each of their characters; in lower case."""
    words = WORDS.findall(text.lower())
    return words if unit == "word" else list("".join(words))


def rouge_n(n: int, references: Sequence[Units], summaries: Sequence[Units]) -> Measure:
    """Return the mean F1 of runs of `n` units: ROUGE-1, ROUGE-2, ...

    A run counts as often as it occurs in both; 0 for a row where either side has none.
    """
    pairs = zip(references, summaries, strict=True)
    return mean_of(f"rouge_{n}", [_n_gram_f1(n, *pair) for pair in pairs])


def rouge_l(references: Sequence[Units], summaries: Sequence[Units]) -> Measure:
    """Return the mean F1 of the longest common subsequence of the whole texts: ROUGE-L."""
    pairs = zip(references, summaries, strict=True)
    return mean_of("rouge_l", [_f1(longest_common(*pair), len(pair[0]), len(pair[1])) for pair in pairs])


def n_grams(n: int, units: Units) -> Counter[tuple[Hashable, ...]]:
    """Return how often each run of `n` units occurs."""
    return Counter(zip(*(islice(units, start, None) for start in range(n)), strict=False))


def longest_common(first: Units, second: Units) -> int:
    """Return the length of the longest common subsequence.

    Bit j of `open_places` is 1 while place j of `first` does not lengthen the subsequence (Hyyrö, 2004): a unit of
    `second` costs four operations on one long number, instead of a row of the usual table.
    """
    places: dict[Hashable, int] = {}
    for j, unit in enumerate(first):
        places[unit] = places.get(unit, 0) | 1 << j
    whole = (1 << len(first)) - 1
    open_places = whole
    for unit in second:
        matches = open_places & places.get(unit, 0)
        open_places = (open_places + matches | open_places - matches) & whole
    return len(first) - open_places.bit_count()


def _n_gram_f1(n: int, reference: Units, summary: Units) -> float:
    wanted, given = n_grams(n, reference), n_grams(n, summary)
    return _f1((wanted & given).total(), wanted.total(), given.total())


def _f1(common: int, num_wanted: int, num_given: int) -> float:
    return 2 * common / (num_wanted + num_given) if num_wanted and num_given else 0.0
