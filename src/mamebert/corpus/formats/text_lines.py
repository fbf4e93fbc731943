"""Lines of bounded length and values that a tokenizer can take, for every format."""

from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import Any, TextIO

from mamebert.corpus.cleaning import SURROGATE
from mamebert.errors import UserError

# A file without line ends (or a bomb) must not fill the memory.
MAX_LINE_CHARACTERS = 16_000_000


def bounded_lines(file: TextIO, path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line with its end); a UserError at a line longer than `MAX_LINE_CHARACTERS`."""
    number = 0
    while line := file.readline(MAX_LINE_CHARACTERS):
        number += 1
        if len(line) == MAX_LINE_CHARACTERS:
            raise UserError(
                f"{path}, line {number}, is longer than {MAX_LINE_CHARACTERS:,} characters. "
                "Is it the right kind of file?"
            )
        yield number, line


def tidy(value: Any) -> Any:
    """Return a value, with all that is in it, without NUL and lone surrogates, which no UTF-8 file can take.

    NaN is None: it is what pandas makes of an empty cell.
    """
    if isinstance(value, str):
        return _tidy_text(value)
    if isinstance(value, float):
        return None if isnan(value) else value
    if isinstance(value, list):
        return [tidy(each) for each in value]
    if isinstance(value, dict):
        return {tidy(name): tidy(each) for name, each in value.items()}
    return value


def _tidy_text(text: str) -> str:
    text = text.replace("\0", "")
    try:
        text.encode()  # what fails at a surrogate takes a fifth of the time of a pattern that finds none
    except UnicodeEncodeError:
        return SURROGATE.sub("�", text)
    return text
