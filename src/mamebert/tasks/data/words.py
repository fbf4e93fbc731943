"""The words of a sentence: given one by one, or found in a text so that they can be brought back to its characters."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mamebert.corpus.sentences.unspaced import UNSPACED_LETTERS
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Located

Ids = npt.NDArray[np.int32]
Span = tuple[int, int]
"""First character and the one behind the last."""

RUN = re.compile(r"\S+")
UNSPACED = re.compile(f"[{UNSPACED_LETTERS}]")


@dataclass(frozen=True)
class Sentence:
    """What is answered one by one: words, or the pieces of a text."""

    pieces: Sequence[Ids]
    """The token ids of each word; one or more."""
    spans: Sequence[Span] | None = None
    """Where each word lies in `text`; None where the words were given without one."""
    text: str = ""

    @property
    def words(self) -> list[str]:
        """The words as they stand in the text."""
        return [self.text[start:end] for start, end in self.spans or ()]


def words_given(tokenizer: Tokenizer, sentences: Sequence[Sequence[str]]) -> list[Sentence]:
    """Return sentences whose words are known."""
    return [Sentence(pieces) for pieces in tokenizer.encode_words(sentences)]


def words_found(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Sentence]:
    """Return the words of texts: what stands between spaces, without the punctuation marks at its ends.

    Such marks are words of their own, as in treebanks and the CoNLL sets. What holds kana or Chinese characters is
    parted into the words that the tokenizer knows.
    """
    located = tokenizer.encode_with_offsets(texts)
    spans = [list(_word_spans(text, each)) for text, each in zip(texts, located, strict=True)]
    found = [Sentence((), each, text) for text, each in zip(texts, spans, strict=True)]
    pieces = tokenizer.encode_words([each.words for each in found])
    return [replace(each, pieces=ids) for each, ids in zip(found, pieces, strict=True)]


def pieces_found(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Sentence]:
    """Return each piece of the texts as a word; a text without any (control characters) is one [UNK]."""
    return [
        Sentence(np.split(each.ids, range(1, len(each.ids))), _spans(each), text)
        if len(each.ids)
        else Sentence([np.array([tokenizer.unk_id], np.int32)], [(0, len(text))], text)
        for text, each in zip(texts, tokenizer.encode_with_offsets(texts), strict=True)
    ]


def _word_spans(text: str, located: Located) -> Iterator[Span]:
    begins = located.starts[located.word_starts].tolist()
    for run in RUN.finditer(text):
        start, end = run.span()
        if UNSPACED.search(run[0]):
            cuts = sorted({start, end, *(place for place in begins if start < place < end)})
            yield from pairwise(cuts)
        else:
            yield from _without_marks(text, start, end)


def _without_marks(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the marks before a word, the word, and the marks behind it; equal marks in a row are one word."""
    first = next((place for place in range(start, end) if not _is_mark(text[place])), end)
    last = next(place for place in range(end, first - 1, -1) if place == first or not _is_mark(text[place - 1]))
    yield from _marks(text, start, first)
    if first < last:
        yield first, last
    yield from _marks(text, last, end)


def _marks(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end:
        same = next((place for place in range(start, end) if text[place] != text[start]), end)
        yield start, same
        start = same


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _spans(located: Located) -> list[Span]:
    return list(zip(located.starts.tolist(), located.ends.tolist(), strict=True))
