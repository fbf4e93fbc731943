"""Offsets: the characters of a text that those of its normalised form come from.

NFKC (Unicode Standard Annex 15) may merge characters (half-width kana and its voice mark) or split one (a square
era name), but only inside short runs: a run ends before every character that can neither be reordered nor be
composed with what precedes it. Outside such runs the characters correspond one to one.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]

_ALONE, _SPACE, _SPLITS, _JOINS = range(4)
# No character from here on has a decomposition or a combining class (Unicode 14 to 17).
_END_OF_NORMAL_FORMS = 0x30000
_FIRST_MARK = "\u0300"
_VOWELS_AND_FINALS = range(0x1161, 0x1200)  # Hangul letters, composed by rule and not by table


class Aligned(NamedTuple):
    """A normalised text; its character i comes from the characters starts[i]:ends[i] of the text as given."""

    text: str
    starts: Places
    ends: Places

    def take(self, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return ranges of the normalised text as ranges of the text as given; an empty one stays empty."""
        return [
            (int(self.starts[start]), int(self.ends[end - 1])) if start < end else (self._before(start),) * 2
            for start, end in spans
        ]

    def _before(self, place: int) -> int:
        return int(self.ends[place - 1]) if place else 0


def unchanged(text: str) -> Aligned:
    """Align a text with itself."""
    places = np.arange(len(text) + 1)
    return Aligned(text, places[:-1], places[1:])


def align_kept(text: str, kept: Iterable[int]) -> Aligned:
    """Align what is left of `text` when only the characters at `kept` stay."""
    places = np.fromiter(kept, np.int64)
    return Aligned("".join([text[place] for place in places]), places, places + 1)


def align_nfkc(text: str) -> Aligned:
    """Align the NFKC form of `text`, which holds no lone surrogates."""
    if unicodedata.is_normalized("NFKC", text):
        return unchanged(text)
    kinds = _kinds()[np.minimum(np.frombuffer(text.encode("utf-32-le"), np.uint32), _END_OF_NORMAL_FORMS - 1)]
    # No composed character begins with white space: an accent behind it stays alone.
    begins = (kinds != _JOINS) | (np.roll(kinds, 1) == _SPACE)
    begins[0] = True
    starts, lengths = np.flatnonzero(begins), np.ones(len(text), np.int64)
    ends = np.append(starts[1:], len(text))
    changing = (kinds[starts] >= _SPLITS) | (ends - starts > 1)
    for start, end in zip(starts[changing].tolist(), ends[changing].tolist(), strict=True):
        normal = unicodedata.normalize("NFKC", text[start:end])
        if normal == text[start:end]:
            begins[start:end] = True
        else:
            lengths[start] = len(normal)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(text))
    counts = lengths[starts]
    return Aligned(unicodedata.normalize("NFKC", text), np.repeat(starts, counts), np.repeat(ends, counts))


def align_lower(text: str) -> Aligned:
    """Align `text.lower()`, in which İ has become two characters."""
    lengths = [len(character.lower()) for character in text]
    places = np.repeat(np.arange(len(text)), lengths)
    return Aligned(text.lower(), places, places + 1)


def align_folded(text: str) -> Aligned:
    """Align the lower case of the NFKC form of `text`."""
    normal = align_nfkc(text)
    lowered = align_lower(normal.text)
    return Aligned(lowered.text, normal.starts[lowered.starts], normal.ends[lowered.ends - 1])


def find_words(text: str, words: Iterable[str]) -> list[int]:
    """Return where each of `words` begins in `text`, where they follow one another with only spaces between."""
    places, end = [], 0
    for word in words:
        place = text.find(word, end)
        if place < 0:
            raise AssertionError(f"the word {word!r} is not in the text that it was cut from")
        places.append(place)
        end = place + len(word)
    return places


def spans_of(lengths: Iterable[int], start: int = 0) -> list[tuple[int, int]]:
    """Return the character ranges of pieces that follow one another without a gap."""
    places = [start]
    for length in lengths:
        places.append(places[-1] + length)
    return list(pairwise(places))


def take_in_marks(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Extend each range over the marks behind it that belong to no other: stripped, or made one with what precedes."""
    if text.isascii() or not spans:
        return spans
    limits = [*[start for start, _ in spans[1:]], len(text)]
    return [
        (start, end if end >= limit or text[end] < _FIRST_MARK else _behind_marks(text, end, limit))
        for (start, end), limit in zip(spans, limits, strict=True)
    ]


def strip_spaces(text: str, starts: Places, ends: Places) -> tuple[Places, Places]:
    """Return the ranges without the white space at their ends, and in an order that never goes back."""
    places = np.arange(len(text) + 1)
    solid = np.fromiter((not character.isspace() for character in text), bool, len(text))
    following = np.minimum.accumulate(np.append(np.where(solid, places[:-1], len(text)), len(text))[::-1])[::-1]
    preceding = np.maximum.accumulate(np.append(0, np.where(solid, places[1:], 0)))
    starts, ends = np.maximum.accumulate(starts), np.maximum.accumulate(ends)
    starts = np.minimum(following[starts], ends)
    return starts, np.maximum(preceding[ends], starts)


def find_pieces(text: str, pieces: Iterable[str], reach: int = 100) -> list[tuple[int, int]]:
    """Return the ranges of pieces in `text` as far as they can be found, each behind the one before.

    A piece must follow the last one directly or after white space and control characters. One that does not is taken
    for unknown and gets, with any unknown ones next to it, all the text up to the next that is found within `reach`.
    """
    spans: list[tuple[int, int]] = []
    end = unknown = 0
    for piece in pieces:
        place = text.find(piece, end, end + reach * (unknown + 1) + len(piece)) if piece else -1
        if place < 0 or not (unknown or _is_blank(text[end:place])):
            unknown += 1
            continue
        spans += [(end, place)] * unknown
        end, unknown = place + len(piece), 0
        spans.append((place, end))
    return spans + [(end, len(text))] * unknown


def _is_blank(text: str) -> bool:
    return all(character.isspace() or not character.isprintable() for character in text)


def _behind_marks(text: str, end: int, limit: int) -> int:
    while end < limit and (unicodedata.category(text[end])[0] == "M" or ord(text[end]) in _VOWELS_AND_FINALS):
        end += 1
    return end


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Return for each character whether NFKC keeps it one, splits it, or may join it to what precedes it; or space."""
    composing = set(map(chr, _VOWELS_AND_FINALS))
    for code in range(_END_OF_NORMAL_FORMS):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            composing.add(chr(int(parts[1], 16)))
    return np.array([_kind(chr(code), composing) for code in range(_END_OF_NORMAL_FORMS)], np.uint8)


def _kind(character: str, composing: set[str]) -> int:
    first = unicodedata.normalize("NFKD", character)[0]
    if unicodedata.combining(first) or first in composing:
        return _JOINS
    if character.isspace():
        return _SPACE
    return _ALONE if len(unicodedata.normalize("NFKC", character)) == 1 else _SPLITS
