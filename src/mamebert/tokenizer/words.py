"""Encoding word by word: each distinct word is cut into pieces once and looked up afterwards.

Text repeats its words, so that a dictionary look-up replaces nearly all of the work; joining the pieces of
thousands of words is a handful of numpy calls. Words that are new are cut many at once.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.tokenizer.offsets import Aligned, find_words
from mamebert.tokenizer.pieces import Located, Pieces, Special

Split = Callable[[str], list[str]]
Align = Callable[[str], Aligned]
"""Returns the text in which the words that `Split` finds stand one after the other."""


class Cuts(NamedTuple):
    """The pieces of some words, one word after the other."""

    lengths: npt.NDArray[np.int64]
    """Pieces of each word."""
    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.bool_]
    """Whether each piece begins a word."""
    spans: npt.NDArray[np.int32]
    """The character range of each piece in its word: [pieces, 2]."""


Cut = Callable[[Sequence[str]], Cuts]
Word = str | tuple[str]
"""A word of the text, or a special token (in a tuple, so that no word can be taken for it)."""

MAX_WORDS = 1_000_000
"""Distinct words remembered, about 200 bytes each, before the memory is emptied."""


class WordEncoder:
    """Encodes texts by a function that splits them into words and one that cuts a word into pieces."""

    def __init__(self, split: Split, align: Align, cut: Cut, special_ids: dict[str, int]) -> None:
        self._split, self._align, self._cut, self._special_ids = split, align, cut, special_ids
        self._marks = re.compile("(" + "|".join(map(re.escape, sorted(special_ids, key=len, reverse=True))) + ")")
        self._forget()

    def encode_many(self, texts: Iterable[str], special: Special) -> list[Pieces]:
        """Return the pieces of each text; all of them lie in one array."""
        split = self._split_around_marks if special == "token" else self._split
        words: list[list[Word]] = [split(text) for text in texts]  # type: ignore[misc]  # list is invariant
        where, ends = self._find(self._number(words))
        ids, starts = np.frombuffer(self._ids, np.int32)[where], np.frombuffer(self._starts, bool)[where]
        if len(words) == 1:
            return [Pieces(ids, starts)]
        return [Pieces(ids[a:b], starts[a:b]) for a, b in pairwise(_text_ends(ends, words))]

    def encode_with_offsets(self, texts: Iterable[str]) -> list[Located]:
        """Return the pieces of each text, special tokens read as text, and where they lie."""
        texts = list(texts)
        words = [self._split(text) for text in texts]
        where, ends = self._find(self._number(words))
        # All the texts are placed in one row, so that a few look-ups serve them all.
        aligned = [self._align(text) for text in texts]
        places = _places_in_a_row([each.text for each in aligned], words)
        spans = np.frombuffer(self._spans, np.int32).reshape(-1, 2)[where]
        spans = spans + np.repeat(places, np.diff(ends, prepend=0))[:, None]
        ids, word_starts = np.frombuffer(self._ids, np.int32)[where], np.frombuffer(self._starts, bool)[where]
        starts = _join([each.starts for each in aligned])[spans[:, 0]]
        stops = _join([each.ends for each in aligned])[spans[:, 1] - 1]
        return [
            Located(ids[a:b], word_starts[a:b], starts[a:b], stops[a:b]) for a, b in pairwise(_text_ends(ends, words))
        ]

    def _number(self, words: Sequence[Sequence[Word]]) -> npt.NDArray[np.int64]:
        if len(self._numbers) > MAX_WORDS:
            self._forget()
        numbers = np.fromiter(map(self._numbers.__getitem__, chain.from_iterable(words)), np.int64)
        try:
            for are_marks, group in groupby(self._numbers.new, key=lambda word: isinstance(word, tuple)):
                some: list[Any] = list(group)
                self._add(self._marks_alone(some) if are_marks else self._cut(some))
        except BaseException:
            self._forget()  # words that have numbers and no pieces
            raise
        self._numbers.new = []
        return numbers

    def _split_around_marks(self, text: str) -> list[Word]:
        parts = self._marks.split(text)
        return [
            word for place, part in enumerate(parts) if part for word in ([(part,)] if place % 2 else self._split(part))
        ]

    def _find(self, numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return where the pieces of the words are remembered, and for each word how many there are up to its end."""
        offsets = np.frombuffer(self._offsets, np.int64)
        first = offsets[numbers]
        lengths = offsets[numbers + 1] - first
        ends = lengths.cumsum()
        return (first - (ends - lengths)).repeat(lengths) + np.arange(ends[-1] if len(ends) else 0), ends

    def _forget(self) -> None:
        self._numbers = _Numbers()
        self._ids, self._starts, self._offsets = array("i", [0]), bytearray([0]), array("q", [1])
        self._spans = array("i", [0, 0])

    def _marks_alone(self, marks: Iterable[tuple[str]]) -> Cuts:
        names = [name for (name,) in marks]
        spans = np.array([(0, len(name)) for name in names], np.int32)
        ids = np.array([self._special_ids[name] for name in names], np.int32)
        return Cuts(np.ones(len(names), np.int64), ids, np.ones(len(names), bool), spans)

    def _add(self, cuts: Cuts) -> None:
        ends = len(self._ids) + np.cumsum(cuts.lengths)
        self._ids.frombytes(cuts.ids.tobytes())
        self._starts.extend(cuts.starts.tobytes())
        self._spans.frombytes(cuts.spans.tobytes())
        self._offsets.frombytes(ends.tobytes())


class _Numbers(dict[Word, int]):
    """Words numbered in the order of their first use; those of them that are `new` are still to be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.new: list[Word] = []

    def __missing__(self, word: Word) -> int:
        self.new.append(word)
        number = self[word] = len(self)
        return number


def _text_ends(ends: npt.NDArray[np.int64], words: Sequence[Sequence[Word]]) -> list[int]:
    """Return how many pieces there are up to the end of each text, after a 0."""
    places: list[int] = np.concatenate([[0], ends])[np.cumsum([0] + [len(each) for each in words])].tolist()
    return places


def _places_in_a_row(texts: list[str], words: list[list[str]]) -> npt.NDArray[np.int64]:
    """Return where each word begins in the texts, put one after the other."""
    places: list[int] = []
    base = 0
    for text, found in zip(texts, words, strict=True):
        places += [base + place for place in find_words(text, found)]
        base += len(text)
    return np.array(places, np.int64)


def _join(columns: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate(columns) if columns else np.empty(0, np.int64)
