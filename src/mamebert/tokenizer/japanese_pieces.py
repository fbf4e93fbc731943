"""Pieces of Japanese that are found in the text as it is written, with MeCab's words told beside them.

The ids need no analyser. Whole words (for masks, and to read tags) are MeCab's: a word starts with the piece that
begins where MeCab begins one. Where MeCab is not installed a word is what stands between spaces and punctuation.
"""

from collections.abc import Iterable

import numpy as np
from tokenizers import Tokenizer as RustTokenizer

from mamebert.errors import UserError
from mamebert.tokenizer.foreign.encoders import RustEncoder
from mamebert.tokenizer.japanese import MecabWords
from mamebert.tokenizer.offsets import align_nfkc, find_words
from mamebert.tokenizer.pieces import Located, Pieces, Special, mend


class MecabMarked:
    """Encodes as `tokenizer.json` says, and asks MeCab where words begin."""

    def __init__(self, rust: RustTokenizer) -> None:
        self._rust = RustEncoder(rust)
        try:
            self._words: MecabWords | None = MecabWords()
        except UserError:
            self._words = None

    def encode_many(self, texts: Iterable[str], special: Special) -> list[Pieces]:
        """Return the pieces of each text."""
        texts = list(texts)
        if special == "token" or self._words is None:
            return self._rust.encode_many(texts, special)
        return [Pieces(each.ids, each.word_starts) for each in self.encode_with_offsets(texts)]

    def encode_with_offsets(self, texts: Iterable[str]) -> list[Located]:
        """Return the pieces of each text, special tokens read as text, and where they lie."""
        texts = list(texts)
        located = self._rust.encode_with_offsets(texts)
        if self._words is None:
            return located
        return [self._marked(self._words, text, each) for text, each in zip(texts, located, strict=True)]

    def _marked(self, words: MecabWords, text: str, found: Located) -> Located:
        if not len(found.ids):
            return found
        aligned = align_nfkc(mend(text))
        parts = [part for word in words.split(text) for part in word.split()]
        begins = aligned.starts[find_words(aligned.text, parts)] if parts else np.empty(0, np.int64)
        # A piece of a character that NFKC splits begins where the one before does, and begins no word.
        first = np.append(True, found.starts[1:] > found.starts[:-1])
        starts = found.word_starts | (np.isin(found.starts, begins) & first)
        return found._replace(word_starts=starts)
