"""The first bytes of a file: no text at all, or the encoding that it is or may be in."""

import codecs
from math import log
from pathlib import Path

from mamebert.corpus.formats.likely_text import IMPOSSIBLE, likelihood
from mamebert.errors import UserError

NUM_BYTES = 65_536
MOST_CONTROLS = 0.1
"""Share of control characters, beyond which bytes are no text."""
FEW_CONTROLS = 2
"""So many may stand in a text however short it is."""
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
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_NARROW = {
    "cp1252": "",
    "cp1251": "",
    "koi8_r": "",
    "koi8_u": "",
    "cp949": "none",
    "gb18030": "gb2312",
    "cp932": "shift_jis",
    "euc_jp": "shift_jis",
    "big5": "big5",
    "cp1250": "",
    "iso8859_2": "",
    "cp1253": "",
    "cp1254": "",
    "cp1255": "",
    "cp1256": "",
    "cp874": "",
    "cp866": "",
    "iso8859_5": "",
}
"""Encodings that bytes are tried in, of equals the first, with the standard whose ideographs are the common ones."""
_ESCAPED = {b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b$)C": "iso2022_kr"}
_RARE = ("koi8_u", "cp1253", "cp1255", "cp1256", "cp866", "iso8859_5")
_LESS_LIKELY = log(0.2)
_NUM_OFFERED, _NUM_SHOWN, _NUM_JUDGED = 4, 10, 4096
_LEAST = log(2e-4)
"""A reading whose characters are on the average less likely than this is none."""
_FAR = log(1e-5)
"""Readings so much less likely than the best one are not offered, and one of UTF-8 is not believed."""
_MOST_REPLACED = 0.2


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
    is_binary = num_controls > max(FEW_CONTROLS, MOST_CONTROLS * len(first)) and not wide
    if kind or (is_binary and not _guesses(first)):
        raise UserError(
            f"{path} is no text but {kind or 'binary data'}. Take the text out of it first, into a .txt file."
        )


def refuse_another_encoding(first: bytes, path: Path, encoding: str, errors: str) -> None:
    """Raise a UserError where bytes could be decoded as asked, and would mean something else than was written.

    UTF-16 without a byte order mark is valid UTF-8 in many scripts, with NUL characters; nearly all bytes are valid in
    encodings of one byte a character; and `errors = "replace"` reads anything.
    """
    asked = codecs.lookup(encoding).name.removesuffix("-sig")
    if asked == "utf-8":
        others = [each for each in _guesses(first) if each[0] in _WIDE] if b"\0" in first else _escaped(first)
        if others and (likeliest := _reading(first, "utf-8")) is not None and likeliest[0] > _best(first, others):
            others = []
    else:
        others = [("utf-8", _shown(first.decode("utf-8", "ignore")))] if _is_rather_utf8(first, encoding) else []
    if others:
        raise UserError(
            f'{path} is hardly {asked}: it reads better as {_listed(others)}. Set encoding = "{others[0][0]}" for it.'
        )
    if (
        errors == "replace"
        and first
        and (text := first.decode(encoding, errors)).count("�") > _MOST_REPLACED * len(text)
    ):
        guesses = _guesses(first)
        raise UserError(
            f"{path} is not {encoding}: {text.count('�') / len(text):.0%} of its characters would be replaced by �. "
            + (
                f'It could be {_listed(guesses)}: set encoding = "{guesses[0][0]}", say.'
                if guesses
                else "Give its encoding."
            )
        )


def other_encodings(first: bytes, place: int, encoding: str = "utf-8") -> str:
    """Return in which encodings bytes could be that are not `encoding` from `place` on, and how they would read.

    The likeliest comes first. Empty where there is none, or where what comes before is UTF-8 and no plain ASCII: then
    the file is damaged, not encoded. Other encodings say less: some bytes of anything are text in them.
    """
    is_utf8 = codecs.lookup(encoding).name.removesuffix("-sig") == "utf-8"
    if place >= len(first) or (is_utf8 and not first[:place].isascii()):
        return ""
    return _listed(_guesses(first))


def likely_encodings(first: bytes) -> list[tuple[str, str]]:
    """Return the encodings that bytes may be in, the likeliest first, and how a few characters read in each."""
    return _escaped(first) or _guesses(first)


def _listed(guesses: list[tuple[str, str]]) -> str:
    return ", ".join(f'{name} ("{text}")' for name, text in guesses)


def _guesses(first: bytes) -> list[tuple[str, str]]:
    """Return the encodings in which bytes read like text, the likeliest first, and what they read like."""
    found: list[tuple[float, str, str]] = []
    for name in (*(_WIDE if b"\0" in first else ()), *_NARROW):  # a line end has a NUL there
        reading = _reading(first, name)
        if reading and name in _WIDE and not any(character.isascii() for character in reading[1]):
            continue  # the NUL is half of an ideograph: chance
        # Two encodings that make the same text of these bytes are one.
        if reading and reading[0] / max(len(reading[1]), 1) > _LEAST and reading[1] not in {text for *_, text in found}:
            found.append((reading[0], name, reading[1]))
    found.sort(key=lambda each: -each[0])
    near = [each for each in found if each[0] > found[0][0] + _FAR][:_NUM_OFFERED]
    return [(name, _shown(text)) for _, name, text in near]


def _escaped(first: bytes) -> list[tuple[str, str]]:
    names = [name for mark, name in _ESCAPED.items() if mark in first]
    return [(name, _shown(reading[1])) for name in names[:1] if (reading := _reading(first, name))]


def _best(first: bytes, others: list[tuple[str, str]]) -> float:
    reading = _reading(first, others[0][0])
    return reading[0] if reading else IMPOSSIBLE


def _reading(first: bytes, name: str) -> tuple[float, str] | None:
    """Return how likely bytes are in an encoding, and their text; None where they cannot be decoded."""
    try:
        codecs.getincrementaldecoder(name)().decode(first[:NUM_BYTES])
        # The same bytes of each: of as many characters, two-byte encodings would have to explain twice as many bytes.
        text = codecs.getincrementaldecoder(name)().decode(first[:_NUM_JUDGED])
    except UnicodeDecodeError:
        return None
    return likelihood(text, _NARROW.get(name, "")) + (_LESS_LIKELY if name in _RARE else 0.0), text


def _is_rather_utf8(first: bytes, encoding: str) -> bool:
    if first.isascii() or codecs.lookup(encoding).name.startswith(("utf", "iso2022")):
        return False
    asked, better = _reading(first, encoding), _reading(first, "utf-8")
    return better is not None and asked is not None and asked[0] < better[0] + _FAR


def _shown(text: str) -> str:
    """Return what is telling of a text: its first characters beyond ASCII, or its beginning."""
    told = "".join([character for character in text if not character.isascii()] or text.split())[:_NUM_SHOWN]
    return "".join(character if character.isprintable() else "�" for character in told)
