"""Pseudo-perplexity: each token masked in turn (Salazar, Liang, Nguyen and Kirchhoff, 2020)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp

import numpy as np

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.probes.scoring.pseudo_likelihood import Scored, log_likelihoods


@dataclass(frozen=True)
class PseudoPerplexity:
    """What a text cost an encoder."""

    nats: float
    """Negative log-likelihood of all tokens, each given all others of its window."""
    tokens: int
    words: int
    """Words that begin among the tokens."""
    unknown: int
    """Tokens that are [UNK]: they stand for many words, so none is asked for."""

    @property
    def per_token(self) -> float:
        """The paper's number, exp of the mean over tokens; vocabularies cut text differently and cannot be compared."""
        return exp(self.nats / max(1, self.tokens))

    @property
    def per_word(self) -> float:
        """The same over words, for comparing vocabularies."""
        return exp(self.nats / max(1, self.words))


def draw_windows(shards: TokenShards, num_tokens: int, longest: int, seed: int = 0) -> list[Scored]:
    """Return about `num_tokens` tokens (all, if there are fewer) in windows of at most `longest`.

    Every document is cut into windows from its start; the seed draws which are taken, so that many documents have part.
    """
    bounds = shards.sentence_starts[shards.document_starts]
    cuts = [(start, min(start + longest, end)) for a, end in pairwise(bounds) for start in range(a, end, longest)]
    order = np.random.default_rng(seed).permutation(len(cuts))
    taken, left = [], num_tokens
    for start, end in (cuts[number] for number in order):
        if left <= 0:
            break
        stop = min(end, start + left)
        left -= stop - start
        taken.append(Scored(shards.tokens(start, stop).astype(np.int64), shards.word_starts(start, stop)))
    return taken


def pseudo_perplexity(
    network: PretrainingNetwork, windows: Sequence[Scored], special: Mapping[str, int]
) -> PseudoPerplexity:
    """Mask every token of every window in turn and ask for it. `special` has the ids of cls, sep, mask and unk.

    It costs as many sequences as there are tokens; the network is in evaluation mode afterwards.
    """
    asked = [window.ids != special["unk"] for window in windows]
    return PseudoPerplexity(
        nats=-float(log_likelihoods(network, windows, special).sum()),
        tokens=sum(int(each.sum()) for each in asked),
        words=sum(int(window.word_starts[each].sum()) for window, each in zip(windows, asked, strict=True)),
        unknown=sum(int((~each).sum()) for each in asked),
    )
