"""Words that a head for masked words would put in the place of others (BERT-Attack; Li et al., 2020)."""

from collections.abc import Sequence

import numpy as np

from mamebert.encoder.model import PretrainingNetwork
from mamebert.tasks.masked_words.fill_mask import MaskedText, fill
from mamebert.tokenizer.encoding import Tokenizer

CANDIDATES = 4
"""Guesses that are looked at: the word itself may be there small, with a capital and in capitals."""
AROUND = 24
"""Words to each side that are read with a masked one."""


class Guesser:
    """An encoder that guesses words from those around them."""

    def __init__(self, network: PretrainingNetwork, tokenizer: Tokenizer) -> None:
        self.network, self.tokenizer = network, tokenizer
        self.words = {number: word for word, number in tokenizer.whole_words.items() if word.isalpha()}
        self.room = network.bert.config.max_position_embeddings - 2

    def change(self, words: Sequence[str], strength: float, rng: np.random.Generator) -> list[str]:
        """Return a text with that share of its words exchanged for the likeliest other word at each place.

        Places are drawn by chance, and each is guessed with all other words as they were.
        """
        places = np.sort(rng.permutation(len(words))[: round(strength * len(words))]).tolist()
        if not places or not self.words:
            return list(words)
        masked = [self._masked(words, place) for place in places]
        found = fill(self.network, self.tokenizer, masked, [CANDIDATES] * len(masked), list(self.words))
        changed = list(words)
        for place, (candidates, *_) in zip(places, found, strict=True):
            others = [word.strip() for word, _ in candidates if word.strip().lower() != words[place].lower()]
            changed[place] = others[0] if others else words[place]
        return changed

    def _masked(self, words: Sequence[str], place: int) -> MaskedText:
        given = self.tokenizer.encode_words([words[max(0, place - AROUND) : place + AROUND + 1]])[0]
        at = min(place, AROUND)
        before, after = (np.concatenate([np.empty(0, np.int64), *some]) for some in (given[:at], given[at + 1 :]))
        half = (self.room - 1) // 2
        before, after = before[max(0, len(before) - half) :], after[:half]
        ends = self.tokenizer.cls_id, self.tokenizer.sep_id
        ids = np.concatenate([ends[:1], before, [self.tokenizer.mask_id], after, ends[1:]]).astype(np.int64)
        return MaskedText(ids, np.array([1 + len(before)]))
