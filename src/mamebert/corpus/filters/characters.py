"""Texts spelt by kinds of characters, so that shares and words are counted by `str.count` and a pattern."""

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import accumulate, chain, pairwise
from string import punctuation
from typing import NamedTuple

import numpy as np

from mamebert.corpus.filters.writing import KNOWN_SCRIPTS, is_dense, is_spaced, scripts_of

LETTER, CAPITAL, LATIN_LETTER, FOREIGN, NEUTRAL = "luafx"
"""Letters: a small one of the language's script (or one without capitals), a capital, a Latin one where the script is
another, one of a foreign script, one of no script."""
MARK, DIGIT, ASCII_MARK, PUNCTUATION, SPACE, OTHER = "mdpq o"
"""The rest: accents that stand alone, digits, punctuation of ASCII and beyond it, spaces, signs."""
LETTERS = LETTER + CAPITAL + LATIN_LETTER + FOREIGN + NEUTRAL
ANY_PUNCTUATION = ASCII_MARK + PUNCTUATION
# A regular word: two small letters or more, a capital before them (WikiBERT's pipeline, filterdocs.py).
WORD = re.compile(rf"(?<![{LETTERS}{MARK}{DIGIT}])u?[lm]{{2,}}(?![{LETTERS}{MARK}{DIGIT}])")
DENSE_LETTERS_PER_WORD, LETTERS_PER_WORD = 2, 4
"""What a word takes on the average where no spaces part them: in Japanese or Chinese; in Thai, Khmer and the like."""
ASCII_RUN = re.compile("[!-~]+")
UTF_32 = f"utf-32-{sys.byteorder[0]}e"
AT_ONCE = 1 << 16
"""Characters that are looked up at once; each takes 13 bytes meanwhile."""

_KIND_OF_CATEGORY = {"P": PUNCTUATION, "M": MARK, "N": OTHER, "S": OTHER, "C": OTHER, "Z": SPACE}


class Kinds:
    """A table of the kind of each character, filled as characters are met; `scripts` are those of the language."""

    def __init__(self, scripts: tuple[str, ...]) -> None:
        self.scripts = scripts
        self._table = np.zeros(sys.maxunicode + 1, np.uint8)

    def spell(self, text: str) -> str:
        """Return a text of the same length: the kind of each character."""
        return "".join(self._spell(text[start : start + AT_ONCE]) for start in range(0, len(text), AT_ONCE))

    def _spell(self, text: str) -> str:
        codes = np.frombuffer(text.encode(UTF_32, "surrogatepass"), np.uint32)
        found = self._table[codes]
        if not found.all():
            for code in np.unique(codes[found == 0]).tolist():
                self._table[code] = ord(self._kind(chr(code)))
            found = self._table[codes]
        return found.tobytes().decode("ascii")

    def _kind(self, character: str) -> str:
        if character.isspace():
            return SPACE
        if character.isdigit():
            return DIGIT
        if character in punctuation:
            return ASCII_MARK
        category = unicodedata.category(character)
        return _KIND_OF_CATEGORY.get(category[0]) or self._of_letter(character, category)

    def _of_letter(self, character: str, category: str) -> str:
        # The first word of a letter's name is its script, its width apart.
        name = unicodedata.name(character, "?").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ")
        script = name.split(" ")[0]
        if script in self.scripts:
            return CAPITAL if category in ("Lu", "Lt") else LETTER
        return LATIN_LETTER if script == "LATIN" else FOREIGN if script in KNOWN_SCRIPTS else NEUTRAL


@cache
def kinds(scripts: tuple[str, ...]) -> Kinds:
    """Return the table of some scripts, which fills up in the life of a process."""
    return Kinds(scripts)


class Writing(NamedTuple):
    """What counting has to know of a language."""

    language: str
    is_spaced: bool
    is_dense: bool


class Measured:
    """A text with what rules ask of it."""

    __slots__ = ("_num_characters", "_num_letters", "spelt", "text", "writing")

    def __init__(self, text: str, spelt: str, writing: Writing) -> None:
        self.text = text
        self.spelt = spelt
        """The kind of each character."""
        self.writing = writing
        self._num_characters = self._num_letters = -1

    @property
    def language(self) -> str:
        """The language that the text is taken for."""
        return self.writing.language

    @property
    def num_characters(self) -> int:
        """Characters that are no space, as `length` counts them."""
        if self._num_characters < 0:
            self._num_characters = self.length - self.spelt.count(SPACE)
        return self._num_characters

    @property
    def length(self) -> int:
        """All characters.

        Syllables and Chinese characters count twice, for one says as much as two letters: "「おい」" is not all marks.
        """
        return len(self.spelt) + (self.spelt.count(LETTER) if self.writing.is_dense else 0)

    @property
    def num_letters(self) -> int:
        """Letters of any script."""
        if self._num_letters < 0:
            self._num_letters = self.num(LETTERS)
        return self._num_letters

    @property
    def num_words(self) -> int:
        """What stands between spaces; without these an estimate by the letters."""
        if self.writing.is_spaced:
            words = self.spelt.strip(SPACE)
            return words.count(SPACE) + bool(words) if "  " not in words else len(words.split())
        return -(-(self.num_letters + self.num(DIGIT)) // self._letters_per_word)

    @property
    def num_regular_words(self) -> int:
        """Words of at least two letters, small but for the first; without spaces an estimate by the letters."""
        if self.writing.is_spaced:
            return len(WORD.findall(self.spelt))
        return -(-self.num(LETTER) // self._letters_per_word)

    @property
    def _letters_per_word(self) -> int:
        return DENSE_LETTERS_PER_WORD if self.writing.is_dense else LETTERS_PER_WORD

    def has_longer_word(self, most: int) -> bool:
        """Return whether a word has more characters; where no spaces part them, whether a run of ASCII has."""
        if not self.writing.is_spaced:
            return any(len(run) > most for run in ASCII_RUN.findall(self.text))
        start, last = 0, len(self.spelt) - most
        while start < last:
            # No word that begins before the last space of those places is too long.
            start = self.spelt.rfind(SPACE, start, start + most + 1) + 1
            if not start:
                return True
        return False

    def num(self, wanted: str) -> int:
        """Return the number of characters of these kinds."""
        return sum(map(self.spelt.count, wanted))

    def share(self, wanted: str) -> float:
        """Return the share of characters of these kinds (but small letters) in all that are no space; 0 of nothing."""
        number = self.num(wanted)
        return number / max(self.num_characters, 1) if number else 0.0


def measured(paragraphs: Sequence[Sequence[str]], language: str) -> list[list[Measured]]:
    """Return the sentences of paragraphs, measured; they are spelt as one text, for calls cost more than characters."""
    writing = Writing(language, is_spaced(language), is_dense(language))
    spelt = kinds(scripts_of(language)).spell("".join(chain.from_iterable(paragraphs)))
    ends = accumulate((len(text) for sentences in paragraphs for text in sentences), initial=0)
    places = pairwise(ends)
    return [
        # The texts come first: where they end, no place is taken from those that follow.
        [Measured(text, spelt[start:end], writing) for text, (start, end) in zip(sentences, places, strict=False)]
        for sentences in paragraphs
    ]
