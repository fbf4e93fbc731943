"""New tokens as mixtures of shared ones that stand in the same company (FOCUS: Dobler and de Melo, 2023).

There the vectors are fastText's, of the new text cut by the new tokenizer; ours are word2vec's of the same.
"""

from collections.abc import Collection, Sequence

import numpy as np

from mamebert.word2vec.neighbours import directions
from mamebert.word2vec.sparsemax import sparsemax
from mamebert.word2vec.table import VectorTable

AT_ONCE = 256
"""Tokens whose similarities are in memory: 256 by 50,000 take 50 MB."""

Mixture = tuple[list[int], list[float]]
"""Ids, and weights above 0 that sum to 1."""


def mixtures(table: VectorTable, shared: Collection[int], wanted: Sequence[int]) -> dict[int, Mixture]:
    """Return for each of the `wanted` ids the shared ones that it is like, weighted by the sparsemax of their cosines.

    Ids whose vectors were not learnt take no part and are left out.
    """
    anchors = np.array([number for number in sorted(shared) if table.learnt[number]], np.int64)
    asked = np.array([number for number in wanted if table.learnt[number]], np.int64)
    if not len(anchors):
        return {}
    unit, found = directions(table), {}
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        for number, weights in zip(some, sparsemax(unit[some] @ unit[anchors].T), strict=True):
            chosen = np.flatnonzero(weights)
            found[int(number)] = anchors[chosen].tolist(), weights[chosen].tolist()
    return found
