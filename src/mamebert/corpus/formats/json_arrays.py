"""A file that is one JSON array, item by item: a window of the text is in memory, never the whole."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from mamebert.corpus.formats.opening import Errors, Hear, open_text
from mamebert.corpus.formats.text_lines import MAX_LINE_CHARACTERS, tidy
from mamebert.corpus.readers import Row
from mamebert.errors import UserError

BLOCK_CHARACTERS = 1_000_000
LONGEST_WORD = 16
"""What JSON has besides texts, numbers and marks is shorter: true, -Infinity, \\u0041."""
WHITESPACE = " \t\n\r"
SPACE = re.compile(f"[{WHITESPACE}]*+")


def objects_of_array(path: Path, encoding: str, errors: Errors, hear: Hear) -> Iterator[Row]:
    """Yield the objects of a file that is one JSON array."""
    with open_text(path, encoding, errors) as (file, position):
        window = _Window(file, path)
        window.step()  # the bracket
        ends = window.next_character() == "]"
        while not ends:
            row = tidy(window.value())
            if not isinstance(row, dict):
                raise UserError(
                    f"{path}, line {window.line}: an item of the array is no object. "
                    'Write objects, so that every value has a name: [{"text": ...}, ...].'
                )
            yield row
            hear(position())
            ends = _ends(window)
        window.step()
        if window.next_character():
            raise window.not_json("there is more behind the closing bracket")


def begins_array(path: Path, encoding: str, errors: Errors) -> bool:
    """Return whether the first character of a file, space aside, opens a JSON array."""
    with open_text(path, encoding, errors) as (file, _):
        while block := file.read(4096):
            if begun := block.lstrip(WHITESPACE):
                return begun[0] == "["
    return False


def not_json(path: Path, line: int, why: str) -> UserError:
    """Return what is said of a file that is broken in a line."""
    return UserError(f"{path}, line {line}, is not JSON ({why}). Fix that line, or get the file again.")


def _ends(window: "_Window") -> bool:
    """Go past the comma behind an item; return whether the bracket stands there instead."""
    if window.next_character() == "]":
        return True
    if window.next_character() != ",":
        raise window.not_json("a comma or the closing bracket is missing")
    window.step()
    if window.next_character() == "]":
        raise window.not_json("nothing follows the last comma")
    return False


class _Window:
    """Some text of a file, and a place in it."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path
        self._text, self._place, self._lines_before = "", 0, 0
        self._decoder = json.JSONDecoder()
        self.next_character()

    @property
    def line(self) -> int:
        """The number of the line in which the place lies."""
        return self._lines_before + self._text.count("\n", 0, self._place) + 1

    def step(self) -> None:
        """Go past one character."""
        self._place += 1

    def next_character(self) -> str:
        """Go past white space; return the character there, "" at the end of the file."""
        while True:
            self._place = SPACE.match(self._text, self._place).end()  # type: ignore[union-attr]  # it may be empty
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._read(BLOCK_CHARACTERS):
                return ""

    def value(self) -> Any:
        """Return the value at the place, and go past it; the window grows until it holds the value."""
        self.next_character()
        while True:
            try:
                value, self._place = self._decoder.raw_decode(self._text, self._place)
                return value
            except (ValueError, RecursionError) as error:
                # A value that goes on behind the window looks broken too. Twice as much each time: no text is parsed
                # more than twice, on the whole.
                length = len(self._text) - self._place
                if length > MAX_LINE_CHARACTERS:
                    raise UserError(
                        f"{self._path}, line {self.line}: an item of the array is longer than "
                        f"{MAX_LINE_CHARACTERS:,} characters. Is it the right kind of file?"
                    ) from error
                if not self._may_go_on(error) or not self._read(max(BLOCK_CHARACTERS, length)):
                    raise self._broken(error) from error

    def not_json(self, why: str) -> UserError:
        """Return what is said of a file that is broken at the place."""
        return not_json(self._path, self.line, why)

    def _may_go_on(self, error: ValueError | RecursionError) -> bool:
        """Return whether a value would look like this whose end is not in the window."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        return error.msg.startswith("Unterminated") or error.pos > len(self._text) - LONGEST_WORD

    def _broken(self, error: ValueError | RecursionError) -> UserError:
        if isinstance(error, json.JSONDecodeError):
            self._place = error.pos
            return self.not_json(error.msg)
        return self.not_json(str(error))

    def _read(self, most: int) -> str:
        """Read on, and forget what lies before the place; return what was read."""
        self._lines_before += self._text.count("\n", 0, self._place)
        block = self._file.read(most)
        self._text, self._place = self._text[self._place :] + block, 0
        return block
