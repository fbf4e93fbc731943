"""Encoding word by word: each distinct word is cut into pieces once and looked up afterwards.

Text repeats its words, so that a dictionary look-up replaces nearly all of the work; joining the pieces of
thousands of words is a handful of numpy calls.
"""

import re
from array import array
from collections.abc import Callable, Iterable
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from mamebert.tokenizer.pieces import Pieces, Special

Split = Callable[[str], list[str]]
Cut = Callable[[str], tuple[list[int], list[bool]]]
Word = str | tuple[str]
"""A word of the text, or a special token (in a tuple, so that no word can be taken for it)."""

MAX_WORDS = 1_000_000
"""Distinct words remembered, about 200 bytes each, before the memory is emptied."""


class WordEncoder:
    """Encodes texts by a function that splits them into words and one that cuts a word into pieces."""

    def __init__(self, split: Split, cut: Cut, special_ids: dict[str, int]) -> None:
        self._split, self._cut, self._special_ids = split, cut, special_ids
        self._marks = re.compile("(" + "|".join(map(re.escape, sorted(special_ids, key=len, reverse=True))) + ")")
        self._forget()

    def encode_many(self, texts: Iterable[str], special: Special) -> list[Pieces]:
        """Return the pieces of each text; all of them lie in one array."""
        if len(self._numbers) > MAX_WORDS:
            self._forget()
        split = self._split_around_marks if special == "token" else self._split
        words: list[list[Word]] = [split(text) for text in texts]  # type: ignore[misc]  # list is invariant
        numbers = np.fromiter(map(self._numbers.__getitem__, chain.from_iterable(words)), np.int64)
        ids, starts, ends = self._gather(numbers)
        at = np.concatenate([[0], ends])[np.cumsum([0] + [len(each) for each in words])].tolist()
        return [Pieces(ids[a:b], starts[a:b]) for a, b in pairwise(at)]

    def _split_around_marks(self, text: str) -> list[Word]:
        parts = self._marks.split(text)
        return [
            word for place, part in enumerate(parts) if part for word in ([(part,)] if place % 2 else self._split(part))
        ]

    def _gather(
        self, numbers: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Return the pieces of the words in turn, and for each word the place where its pieces end."""
        offsets = np.frombuffer(self._offsets, np.int64)
        first = offsets[numbers]
        lengths = offsets[numbers + 1] - first
        ends = np.cumsum(lengths)
        where = np.repeat(first - (ends - lengths), lengths) + np.arange(lengths.sum())
        return np.frombuffer(self._ids, np.int32)[where], np.frombuffer(self._starts, bool)[where], ends

    def _forget(self) -> None:
        self._numbers = _Numbers(self._add)
        self._ids, self._starts, self._offsets = array("i", [0]), bytearray([0]), array("q", [1])

    def _add(self, word: Word) -> None:
        ids, starts = self._cut(word) if isinstance(word, str) else ([self._special_ids[word[0]]], [True])
        self._ids.extend(ids)
        self._starts.extend(starts)
        self._offsets.append(len(self._ids))


class _Numbers(dict[Word, int]):
    """Words numbered in the order of their first use."""

    def __init__(self, add: Callable[[Word], None]) -> None:
        super().__init__()
        self._add = add

    def __missing__(self, word: Word) -> int:
        self._add(word)
        self[word] = len(self)
        return self[word]
