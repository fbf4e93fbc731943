"""Characters of tokens, so that a loss for each token becomes bits for each character, which compares vocabularies.

A large vocabulary asks for few tokens that are hard to guess, a small one for many that are easy: the loss for each of
them is another question. What the text as a whole costs, for each of its characters, is not.
"""

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.foreign.description import BYTE_SPACE
from mamebert.tokenizer.judging.unigram_bits import BITS_OF_ANY_CHARACTER

INSIDE = "##"
# GPT-2's signs for the bytes 0x80 to 0xBF, which go on with a character that another byte began. Bytes that are letters
# or signs of Latin-1 stand for themselves; the 34 others before 0x80 come first among the signs from U+0100 on.
GOING_ON = {*map(chr, range(0x100 + 34, 0x100 + 68)), *map(chr, (*range(0xA1, 0xAD), *range(0xAE, 0xC0)))}
AT_ONCE = 2**20


@dataclass(frozen=True)
class TextLength:
    """How long a text is."""

    tokens: int
    characters: int
    """White space is not counted, and [UNK] counts as one character, which is the least that it can be."""
    unknown: int
    """Tokens that are [UNK]."""

    def bits_per_character(self, nats: float) -> float:
        """Return what a character takes where a token takes so many nats; each [UNK] 20 bits more.

        These are what it takes to tell the character that [UNK] hides: a vocabulary that knows less is not better.
        """
        bits = nats / log(2) * self.tokens + BITS_OF_ANY_CHARACTER * self.unknown
        return bits / max(self.characters, 1)


def length_of(tokenizer: Tokenizer, ids: npt.NDArray[np.integer]) -> TextLength:
    """Return how long the text of some ids [tokens] is, special tokens but [UNK] not counted."""
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    for start in range(0, len(ids), AT_ONCE):
        counts += np.bincount(ids[start : start + AT_ONCE], minlength=len(counts))
    unknown = int(counts[tokenizer.unk_id])
    counts[tokenizer.special_ids] = 0
    characters = sum(int(counts[number]) * _characters(tokenizer, number) for number in np.flatnonzero(counts).tolist())
    return TextLength(int(counts.sum()) + unknown, characters + unknown, unknown)


def _characters(tokenizer: Tokenizer, number: int) -> int:
    """Return how many characters begin in a token, white space not counted."""
    token, space = tokenizer.tokens[number], tokenizer.begins_words
    if space == BYTE_SPACE:
        return len([sign for sign in token if sign not in GOING_ON and sign != BYTE_SPACE])
    return len(token.replace(space, "") if space else token.removeprefix(INSIDE))
