"""Pairs of sentences compared by the tokens that both have (CrowS-Pairs; Nangia et al., 2020)."""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt

from mamebert.probes import Asked
from mamebert.probes.scoring.pseudo_likelihood import Scored, log_likelihoods


def shared_scores(asked: Asked, texts: Sequence[Scored]) -> npt.NDArray[np.float64]:
    """Return the sum of the log-probabilities of what the sentences of each pair share: float64 [texts].

    The two of a pair follow each other. Each of the shared tokens is masked by itself; what differs is shown, so that
    the words that a bias is about are given and never asked for.
    """
    masks = []
    for one, other in zip(texts[::2], texts[1::2], strict=True):
        blocks = SequenceMatcher(None, one.ids.tolist(), other.ids.tolist(), autojunk=False).get_matching_blocks()
        first, second = np.zeros(len(one.ids), bool), np.zeros(len(other.ids), bool)
        for block in blocks:
            first[block.a : block.a + block.size] = True
            second[block.b : block.b + block.size] = True
        masks += [first, second]
    return log_likelihoods(asked.network, texts, asked.tokenizer.special, asked_for=masks)
