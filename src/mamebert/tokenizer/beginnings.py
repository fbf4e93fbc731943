"""The pieces of texts of which only the beginning is read: a long text costs no more than what is read of it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.tokenizer.encoding import Tokenizer

LEAST_CHARACTERS = 4_000
CHARACTERS_PER_PIECE = 32
_SPACE = re.compile(r"\s")
MOST_UNSPACED = 1_000
"""Characters that are looked through for a space to cut at."""


class Beginning(NamedTuple):
    """The first pieces of a text."""

    ids: npt.NDArray[np.int32]
    num_left_out: int
    """About how many pieces the rest of the text has; 0 where there is no rest."""


def encode_beginnings(tokenizer: Tokenizer, texts: Sequence[str], room: int) -> list[Beginning]:
    """Return the pieces of each text; of a long one as many as make sure that the first `room` are those of all of it.

    What comes behind can change pieces (where MeCab parts words, or a unigram model weighs a whole text), so twice as
    many are looked at as are read, and the text is cut at a space.
    """
    found: list[Beginning] = [Beginning(np.empty(0, np.int32), 0)] * len(texts)
    left = list(range(len(texts)))
    size = max(LEAST_CHARACTERS, CHARACTERS_PER_PIECE * room)
    while left:
        ends = {number: _end(texts[number], size) for number in left}
        shown = [texts[number][:end] for number, end in ends.items()]
        for number, shorter, pieces in zip(left, shown, tokenizer.encode_many(shown), strict=True):
            rest = len(texts[number]) - len(shorter)
            found[number] = Beginning(pieces.ids, -(-len(pieces.ids) * rest // max(len(shorter), 1)))
        left = [n for n in left if ends[n] < len(texts[n]) and len(found[n].ids) < 2 * room + 2]
        size *= 8
    return found


def _end(text: str, size: int) -> int:
    """Return where the beginning of about so many characters ends."""
    if len(text) <= size:
        return len(text)
    space = _SPACE.search(text, size, size + MOST_UNSPACED)
    return space.start() if space else size
