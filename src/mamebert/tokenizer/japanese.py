"""Japanese words by MeCab with the dictionary unidic-lite, exactly as `BertJapaneseTokenizer` splits them."""

import os
import unicodedata

from mamebert.extras import require_extra
from mamebert.tokenizer.pieces import mend

MAX_CHARACTERS = 20_000
"""MeCab reads at most so many at once: it crashes the process on some texts of 200,000 characters."""


class MecabWords:
    """Splits Japanese text into words."""

    def __init__(self) -> None:
        require_extra("ja")
        import fugashi
        import unidic_lite

        # An empty settings file: MeCab would otherwise read one that belongs to another dictionary.
        self._tagger = fugashi.GenericTagger(f'-r {os.devnull} -d "{unidic_lite.DICDIR}" -Owakati')

    def split(self, text: str) -> list[str]:
        """Return the words of the NFKC form of `text`; some may be empty or white space, which has no pieces."""
        text = unicodedata.normalize("NFKC", mend(text))
        if len(text) <= MAX_CHARACTERS:
            return self._split(text)
        cuts = range(0, len(text), MAX_CHARACTERS)
        return [word for cut in cuts for word in self._split(text[cut : cut + MAX_CHARACTERS])]

    def _split(self, text: str) -> list[str]:
        if "\0" in text:  # MeCab stops at it, and its two ways of giving the words then differ
            return [node.surface for node in self._tagger(text)]
        # Reading the line of words is up to a quarter faster than walking MeCab's nodes. Words hold no ASCII
        # space, but may hold other white space, so that only the space separates them.
        words: list[str] = self._tagger.parse(text).split(" ")
        return words
