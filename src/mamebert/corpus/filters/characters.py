"""Texts spelt by kinds of characters, so that shares and words are counted by `str.count` and a pattern."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache, cached_property
from string import punctuation

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


_KIND_OF_CATEGORY = {"P": PUNCTUATION, "M": MARK, "N": OTHER, "S": OTHER, "C": OTHER, "Z": SPACE}


class Kinds(dict[int, str]):
    """A table for `str.translate`, filled as characters are met; `scripts` are those of the language."""

    def __init__(self, scripts: tuple[str, ...]) -> None:
        super().__init__()
        self.scripts = scripts

    def __missing__(self, code: int) -> str:
        kind = self[code] = self._kind(chr(code))
        return kind

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


@dataclass
class Measured:
    """A text with what rules ask of it, each counted once."""

    text: str
    language: str
    spelt: str = field(init=False)
    """The kind of each character."""

    def __post_init__(self) -> None:
        self.spelt = self.text.translate(kinds(scripts_of(self.language)))

    @cached_property
    def num_characters(self) -> int:
        """Characters that are no space, as `length` counts them."""
        return self.length - self.spelt.count(SPACE)

    @cached_property
    def length(self) -> int:
        """All characters.

        Syllables and Chinese characters count twice, for one says as much as two letters: "「おい」" is not all marks.
        """
        return len(self.spelt) + (self.num(LETTER) if is_dense(self.language) else 0)

    @cached_property
    def num_letters(self) -> int:
        """Letters of any script."""
        return self.num(LETTERS)

    @cached_property
    def num_words(self) -> int:
        """What stands between spaces; without these an estimate by the letters."""
        if is_spaced(self.language):
            return len(self.text.split())
        return -(-(self.num_letters + self.num(DIGIT)) // self._letters_per_word)

    @cached_property
    def num_regular_words(self) -> int:
        """Words of at least two letters, small but for the first; without spaces an estimate by the letters."""
        if is_spaced(self.language):
            return len(WORD.findall(self.spelt))
        return -(-self.num(LETTER) // self._letters_per_word)

    @property
    def _letters_per_word(self) -> int:
        return DENSE_LETTERS_PER_WORD if is_dense(self.language) else LETTERS_PER_WORD

    def num(self, wanted: str) -> int:
        """Return the number of characters of these kinds."""
        return sum(self.spelt.count(kind) for kind in wanted)

    def share(self, wanted: str) -> float:
        """Return the share of characters of these kinds (but small letters) in all that are no space; 0 of nothing."""
        return self.num(wanted) / self.num_characters if self.num_characters else 0.0
