"""Raw text -> clean sentences: one Unicode form, no control characters, one space where there was any."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from mamebert.config import Config
from mamebert.corpus.dropped import Dropped
from mamebert.corpus.sentences import Splitter, split_sentences

UNSPACED = (
    ("\u0e01", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u1950", "\u19df"),
    ("\u1a20", "\u1aad"),
)
"""Scripts that put no space between words: Thai and Lao, Burmese, Khmer, Tai Le to New Tai Lue, Tai Tham."""
# In these a zero-width space parts words; elsewhere it is left over from typesetting.
WORD_END = re.compile(f"(?<=[{''.join(f'{first}-{last}' for first, last in UNSPACED)}])\u200b")
# Controls and invisible marks. The two joiners stay: Persian, Indic scripts and emoji are spelt with them.
CONTROL = re.compile(
    "[\0-\x08\x0e-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff"
    "\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
UNIT_END = "\x1f"
"""The one control character that Python counts as white space and that ends no line."""
SURROGATE = re.compile("[\ud800-\udfff]")
# Where a sentence that is too long may be cut, best place first.
CUTS = (("。", "！", "？", ". ", "! ", "? "), ("、", "，", ",", ";", "；", ":", "："), (" ",))


class Cleaning(Config):
    """What happens to text before anything learns from it."""

    normalise: Literal["none", "NFC", "NFKC"] = "NFC"
    """Unicode form. NFKC also makes full-width letters and half-width kana ordinary: the choice for Japanese."""
    min_characters_per_document: int = Field(default=1, ge=1)
    """Shorter documents are dropped (counted after cleaning)."""
    min_characters_per_sentence: int = Field(default=1, ge=1)
    """Shorter sentences are dropped."""
    max_characters_per_sentence: int = Field(default=1000, ge=20)
    """Longer sentences are cut, at a mark or white space where there is one; nothing is lost."""

    def paragraphs(self, text: str) -> list[str]:
        """Return the paragraphs of a document: clean lines that hold something."""
        return [line for line in map(self._line, text.splitlines()) if line]

    def _line(self, line: str) -> str:
        # Nothing that goes, and no white space but " ", is printable; most lines are, and patterns cost more.
        line = line.strip()
        is_plain = line.isprintable()
        if not is_plain and (UNIT_END in line or not "".join(line.split()).isprintable()):
            # Invisible marks go first: one between a letter and its accent would keep the two from joining.
            line = CONTROL.sub("", WORD_END.sub(" ", SURROGATE.sub("�", line)))
        if self.normalise != "none" and not line.isascii():
            line = unicodedata.normalize(self.normalise, line).strip()
        return line if is_plain and "  " not in line else " ".join(line.split())

    def sentences(self, paragraph: str, language: str, splitter: Splitter, dropped: Dropped) -> list[str]:
        """Return the sentences of a clean paragraph; what is dropped or cut is counted in `dropped`."""
        kept = []
        for sentence in split_sentences(paragraph, language, splitter):
            if len(sentence) < self.min_characters_per_sentence:
                dropped.note("sentences_too_short", sentence)
            elif len(sentence) <= self.max_characters_per_sentence:
                kept.append(sentence)
            else:
                kept.extend(_pieces(sentence, self.max_characters_per_sentence))
        return kept


def _pieces(sentence: str, longest: int) -> Iterator[str]:
    start = 0
    while len(sentence) - start > longest:
        end = _cut(sentence, start, start + longest)
        if piece := sentence[start:end].strip():
            yield piece
        start = end
    if piece := sentence[start:].strip():
        yield piece


def _cut(sentence: str, start: int, end: int) -> int:
    for marks in CUTS:
        found = max(sentence.rfind(mark, start + (end - start) // 2, end) + len(mark) for mark in marks)
        if found > start + 1:
            return found
    return end
