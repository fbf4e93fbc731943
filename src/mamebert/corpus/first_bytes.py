"""What the first bytes of a file tell: that it is no text at all, or in which encoding it is or may be."""

import codecs
import unicodedata
from collections import Counter
from pathlib import Path

from mamebert.errors import UserError

NUM_BYTES = 65_536
MOST_CONTROLS = 0.1
"""Share of control characters, beyond which bytes are no text."""
_MARKS = {  # the longer ones first: that of UTF-32 begins as that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NOT_TEXT = {
    b"%PDF-": "a PDF",
    b"PK\3\4": "a ZIP archive (.docx, .xlsx and .epub are such)",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x1f\x8b": "gzip data (its name should end in .gz)",
    b"BZh": "bzip2 data (its name should end in .bz2)",
    b"\xfd7zXZ\0": "xz data (its name should end in .xz)",
    b"\x28\xb5\x2f\xfd": "Zstandard data (its name should end in .zst)",
    b"PAR1": "Parquet (its name should end in .parquet)",
    b"SQLite format 3": "a database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
}
_CONTROLS = bytes(range(9)) + bytes(range(14, 27)) + bytes(range(28, 32))
_CANDIDATES = ("utf-16-le", "utf-16-be", "cp949", "gb18030", "cp932", "euc_jp", "big5", "cp1251", "koi8_r", "cp1252")
_COMMON = {"cp949": "iso2022_kr", "gb18030": "gb2312"}
"""What nearly all text in an encoding is made of: its other codes stand for characters that hardly anybody writes."""
_NUM_OFFERED, _NUM_SHOWN = 3, 10


def encoding_by_mark(first: bytes, encoding: str) -> str:
    """Return how to decode: as asked, but UTF-8 gives way to the byte order mark of another Unicode form."""
    if codecs.lookup(encoding).name != "utf-8":
        return encoding
    return next((name for mark, name in _MARKS.items() if first.startswith(mark)), "utf-8-sig")


def refuse_what_is_no_text(first: bytes, path: Path, encoding: str) -> None:
    """Raise a UserError for bytes that are certainly something else, in whatever encoding."""
    kind = next((name for mark, name in _NOT_TEXT.items() if first.startswith(mark)), None)
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    num_controls = len(first) - len(first.translate(None, _CONTROLS))
    if kind or (num_controls > MOST_CONTROLS * len(first) and not wide and not _guesses(first)):
        raise UserError(
            f"{path} is no text but {kind or 'binary data'}. Take the text out of it first, into a .txt file."
        )


def other_encodings(first: bytes, place: int) -> str:
    """Return in which encodings bytes could be that are not UTF-8 from `place` on, and how they would read.

    The likeliest comes first. Empty where there is none, or where what comes before is no plain ASCII: then the file
    is damaged, not encoded.
    """
    if place >= len(first) or not first[:place].isascii():
        return ""
    return ", ".join(f'{name} ("{text}")' for name, text in _guesses(first))


def _guesses(first: bytes) -> list[tuple[str, str]]:
    found = []
    for order, name in enumerate(_CANDIDATES):
        if name.startswith("utf-16") and b"\0" not in first:  # a line end has one there
            continue
        try:
            text = codecs.getincrementaldecoder(name)().decode(first)
        except UnicodeDecodeError:
            continue
        beyond = [character for character in text if not character.isascii()]
        likely = _likelihood(text, beyond)
        if likely > 0.5:
            shown = "".join(beyond or text.split())[:_NUM_SHOWN]
            no_hiragana = not any(
                "\u3041" <= character <= "\u3096" for character in beyond
            )  # which chance hardly makes
            found.append((_is_odd(name, beyond), -round(likely, 1), no_hiragana, order, name, shown))
    return [(name, shown) for *_, name, shown in sorted(found)[:_NUM_OFFERED]]


def _is_odd(name: str, beyond: list[str]) -> bool:
    if name not in _COMMON:
        return False
    return len("".join(beyond).encode(_COMMON[name], "ignore").decode(_COMMON[name])) < 0.5 * len(beyond)


def _likelihood(text: str, beyond: list[str]) -> float:
    """Return the share of letters of one script among the characters beyond ASCII; text with controls is none."""
    if any(unicodedata.category(character) in ("Cc", "Cn", "Co") and character not in "\t\n\r\f" for character in text):
        return 0.0
    letters = [each for each in beyond if not unicodedata.category(each).startswith("P")] or list(text)
    scripts = Counter(_script(character) for character in letters)
    return max((n for script, n in scripts.items() if script), default=0) / max(len(letters), 1)


def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    if not character.isalpha() or name.startswith("HALFWIDTH"):
        return ""
    first = name.split(" ")[0]
    return "Japanese and Chinese" if first in ("CJK", "HIRAGANA", "KATAKANA") else first
