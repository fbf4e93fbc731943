"""The result of encoding a text, and the names of the special tokens."""

import re
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

SPECIAL_NAMES = ("pad", "unk", "cls", "sep", "mask")
SPECIAL_TOKENS = tuple(f"[{name.upper()}]" for name in SPECIAL_NAMES)
"""As BERT writes them; the ids of new vocabularies follow this order."""
"""Ids 0 to 4 of every vocabulary trained here, in this order."""

Special = Literal["text", "token"]
"""How "[MASK]" in a text is read: as six ordinary characters, or as the token."""

_SURROGATES = re.compile("[\ud800-\udfff]")


class Pieces(NamedTuple):
    """One encoded text, without [CLS] and [SEP]."""

    ids: npt.NDArray[np.int32]
    word_starts: npt.NDArray[np.bool_]
    """Whether each piece begins a word."""


class Located(NamedTuple):
    """One encoded text, without [CLS] and [SEP], and where its pieces lie: piece i is text[starts[i]:ends[i]]."""

    ids: npt.NDArray[np.int32]
    word_starts: npt.NDArray[np.bool_]
    """Whether each piece begins a word."""
    starts: npt.NDArray[np.int64]
    """The first character of each piece, counted in the text as given; never decreases."""
    ends: npt.NDArray[np.int64]
    """The character behind each piece; never decreases."""


def mend(text: str) -> str:
    """Return `text` with lone surrogates, which no encoder takes, replaced by U+FFFD."""
    # Surrogates count as unprintable, and asking that is ten times faster than searching.
    return text if text.isprintable() else _SURROGATES.sub("\ufffd", text)
