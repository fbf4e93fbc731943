"""The words of a text and the pieces of a word, with their places, as BERT's own tokenizers find them."""

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np
from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import WordPiece

from mamebert.tokenizer.foreign.encoders import word_starts
from mamebert.tokenizer.offsets import Aligned, align_kept, align_lower, find_words, spans_of, take_in_marks, unchanged
from mamebert.tokenizer.pieces import mend
from mamebert.tokenizer.words import Cut, Cuts

# BERT's normalizer drops these control characters, and Python's split() would take them for spaces.
MAX_WORD = 100
"""Characters; a longer word is [UNK]."""
AT_ONCE = 2_000
"""Words that are cut as one text."""
_DROPPED = re.compile(r"[\x0b\x0c\x1c-\x1f\x85]")


def split_at_spaces(text: str) -> list[str]:
    """Return the words between white space, without the characters that BERT drops."""
    return (text if text.isprintable() else _DROPPED.sub("", mend(text))).split()


def split_words(text: str) -> list[str]:
    """Return the words between white space for the rules of `normalising`, which make white space of other controls."""
    return (text if text.isprintable() else mend(text).replace("\x1f", "")).split()


def align_words(text: str) -> Aligned:
    """Align the text in which the words of `split_words` stand."""
    text = mend(text)
    if "\x1f" not in text:
        return unchanged(text)
    return align_kept(text, [place for place, character in enumerate(text) if character != "\x1f"])


def align_undropped(text: str) -> Aligned:
    """Align the text in which the words of `split_at_spaces` stand."""
    text = mend(text)
    if text.isprintable() or not _DROPPED.search(text):
        return unchanged(text)
    return align_kept(text, [place for place, character in enumerate(text) if not _DROPPED.match(character)])


def cut_like_bert(rust: RustTokenizer) -> Cut:
    """Return what cuts words between spaces as `tokenizer.json` says, special tokens read as text."""
    rust.encode_special_tokens = True

    def cut(words: Sequence[str]) -> Cuts:
        parts = [_cut_in_a_row(rust, words[start : start + AT_ONCE]) for start in range(0, len(words), AT_ONCE)]
        return Cuts(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    return cut


def _cut_in_a_row(rust: RustTokenizer, words: Sequence[str]) -> Cuts:
    """Cut words as one text: no rule looks across the spaces between them, and one call costs less than many."""
    text = " ".join(words)
    begins = np.cumsum([0, *(len(word) + 1 for word in words)])
    encoding = rust.encode(text, add_special_tokens=False)
    spans = np.array(take_in_marks(text, encoding.offsets), np.int64).reshape(-1, 2)
    of = np.searchsorted(begins, spans[:, 0], side="right") - 1
    lengths = np.bincount(of, minlength=len(words))
    spans = (spans - begins[of, None]).astype(np.int32)
    return Cuts(lengths, np.array(encoding.ids, np.int32), word_starts(encoding.word_ids), spans)


def cut_japanese(wordpiece: WordPiece, lowercase: bool) -> Cut:
    """Return what cuts words of MeCab's as `BertJapaneseTokenizer` does."""
    whole = wordpiece.token_to_id

    def cut_one(word: str) -> tuple[list[int], list[bool], list[tuple[int, int]]]:
        if not lowercase and word.isalnum() and (number := whole(word)) is not None and len(word) < MAX_WORD:
            return [number], [True], [(0, len(word))]  # most words of a text are pieces of the vocabulary
        ids, starts, spans = [], [], []
        lowered = word.lower() if lowercase else word
        parts = lowered.split()
        for part, place in zip(parts, find_words(lowered, parts), strict=True):
            pieces = wordpiece.tokenize(part)
            ids += [piece.id for piece in pieces]
            starts += [True] + [False] * (len(pieces) - 1)
            spans += _spans_in(part, [piece.value for piece in pieces], place)
        return ids, starts, spans if len(lowered) == len(word) else align_lower(word).take(spans)

    def cut(words: Sequence[str]) -> Cuts:
        ids, starts, spans = zip(*map(cut_one, words), strict=True)
        every = chain.from_iterable
        return Cuts(
            np.array([len(each) for each in ids], np.int64),
            np.array(list(every(ids)), np.int32),
            np.array(list(every(starts)), bool),
            np.array(list(every(spans)), np.int32).reshape(-1, 2),
        )

    return cut


def _spans_in(word: str, pieces: list[str], place: int) -> list[tuple[int, int]]:
    """Return the range of each piece of a word that begins at `place`; the one piece of a word may be [UNK]."""
    if len(pieces) == 1:
        return [(place, place + len(word))]
    return spans_of([len(pieces[0]), *(len(piece) - len("##") for piece in pieces[1:])], place)
