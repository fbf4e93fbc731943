"""`encoding = "auto"`: the encoding of a file found in its bytes, and told."""

import codecs
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from mamebert.corpus.formats.first_bytes import NUM_BYTES, encoding_by_mark, likely_encodings
from mamebert.errors import UserError
from mamebert.progress import say

AUTO = "auto"
BEYOND_ASCII = re.compile(rb"[\x80-\xff]|\x1b\$")
"""Bytes that need an encoding, those that switch to one included (ISO 2022)."""
MOST_DAMAGED = 0.02
"""Share of the characters beyond ASCII that may be damaged in a file that is UTF-8 all the same."""

Unpacked = Callable[[Path], AbstractContextManager[BinaryIO]]


def detected(path: Path, unpacked: Unpacked) -> str:
    """Return the encoding of a file; what is not UTF-8 is told, once a file. Where nothing fits it is a UserError.

    A byte order mark is believed. Else it is UTF-8 where the first bytes beyond ASCII are, and otherwise the encoding
    in which they read most like something that people write (`likely_text`).
    """
    if not path.is_file():  # a pipe cannot be read twice
        return "utf-8"
    about = path.stat()
    return _detected(path, about.st_size, about.st_mtime_ns, unpacked)


@lru_cache(maxsize=100_000)
def _detected(path: Path, size: int, changed: int, unpacked: Unpacked) -> str:
    first = _telling(path, unpacked)
    if (marked := encoding_by_mark(first, "utf-8")) != "utf-8-sig" or first.startswith(codecs.BOM_UTF8):
        return marked
    if b"\0" not in first and _is_utf8(first) and b"\x1b$" not in first:
        return "utf-8"
    guesses = likely_encodings(first)
    if not guesses:
        if _is_utf8(first):
            return "utf-8"
        raise UserError(f"Nobody can tell the encoding of {path}. Give it, with the setting encoding.")
    name, reading = guesses[0]
    say(f'{path} is read as {name} ("{reading}").')
    return name


def _telling(path: Path, unpacked: Unpacked) -> bytes:
    """Return bytes of a file from the line in which the first one beyond ASCII stands, or its beginning."""
    with unpacked(path) as file:
        first = before = file.read(NUM_BYTES)
        if b"\0" in first or BEYOND_ASCII.search(first):
            return first
        for block in iter(lambda: file.read(1 << 20), b""):
            if BEYOND_ASCII.search(block):
                both = before + block
                found = BEYOND_ASCII.search(both)
                start = both.rfind(b"\n", 0, found.start() if found else 0) + 1
                return (both[start:] + file.read(NUM_BYTES))[:NUM_BYTES]
            before = block[-4096:]
    return first


def _is_utf8(content: bytes) -> bool:
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(content)
    beyond = sum(not character.isascii() for character in text)
    return text.count("�") - content.count("�".encode()) <= MOST_DAMAGED * beyond
