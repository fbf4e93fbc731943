"""Pseudo-perplexity: each token masked in turn (Salazar, Liang, Nguyen and Kirchhoff, 2020)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed

TOKENS_AT_ONCE = 8192  # special tokens included


@dataclass(frozen=True)
class Window:
    """Tokens that follow each other in one document."""

    ids: npt.NDArray[np.int64]
    word_starts: npt.NDArray[np.bool_]
    """Whether each begins a word."""


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


def draw_windows(shards: TokenShards, num_tokens: int, longest: int, seed: int = 0) -> list[Window]:
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
        taken.append(Window(shards.tokens(start, stop).astype(np.int64), shards.word_starts(start, stop)))
    return taken


@torch.no_grad()
def pseudo_perplexity(
    network: PretrainingNetwork, windows: Sequence[Window], special: Mapping[str, int]
) -> PseudoPerplexity:
    """Mask every token of every window in turn and ask for it. `special` has the ids of cls, sep, mask and unk.

    It costs as many sequences as there are tokens; the network is in evaluation mode afterwards.
    """
    network.eval()
    nats, tokens, words, unknown = 0.0, 0, 0, 0
    for window in windows:
        asked = np.flatnonzero(window.ids != special["unk"])
        unknown += len(window.ids) - len(asked)
        tokens += len(asked)
        words += int(window.word_starts[asked].sum())
        nats += sum(_ask(network, window.ids, some, special) for some in _some(asked, len(window.ids) + 2))
    return PseudoPerplexity(nats, tokens, words, unknown)


def _some(asked: npt.NDArray[np.int64], length: int) -> Iterator[npt.NDArray[np.int64]]:
    at_once = max(1, TOKENS_AT_ONCE // length)
    yield from (asked[first : first + at_once] for first in range(0, len(asked), at_once))


def _ask(
    network: PretrainingNetwork,
    ids: npt.NDArray[np.int64],
    asked: npt.NDArray[np.int64],
    special: Mapping[str, int],
) -> float:
    """Return the negative log-likelihood, in nats, of the tokens at `asked`, each masked in a sequence of its own."""
    device = next(network.parameters()).device
    whole = np.concatenate([[special["cls"]], ids, [special["sep"]]])
    shown = np.tile(whole, (len(asked), 1))
    rows = np.arange(len(asked))
    shown[rows, asked + 1] = special["mask"]
    packed = Packed.of(list(shown)).to(device)
    places = torch.from_numpy(rows * len(whole) + asked + 1).to(device)
    logits = network.cls.predictions(network.bert(packed, places))
    return float(cross_entropy(logits, torch.from_numpy(ids[asked]).to(device), reduction="sum"))
