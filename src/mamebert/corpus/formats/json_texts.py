"""JSON of three layouts: an object per line, one array of objects, one document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from mamebert.corpus.formats.opening import Errors, Hear, open_text
from mamebert.corpus.formats.text_lines import bounded_lines, tidy
from mamebert.corpus.readers import Row
from mamebert.errors import UserError

T = TypeVar("T")

# An array or a document is held in memory, about ten times its size while it is taken apart.
MAX_DOCUMENT_CHARACTERS = 500_000_000
WHITESPACE = " \t\n\r"


def objects_by_line(path: Path, encoding: str, errors: Errors, hear: Hear) -> Iterator[Row]:
    """Yield a row per line, each a JSON object; empty lines are passed over."""
    with open_text(path, encoding, errors) as (file, position):
        for number, line in bounded_lines(file, path):
            if line.isspace():
                continue
            try:
                row = tidy(json.loads(line))
            except (ValueError, RecursionError) as error:
                way_out = (
                    'It begins like one array: set format = "json" for it.'
                    if number == 1 and line.lstrip("\ufeff" + WHITESPACE).startswith("[")
                    else "A file holds one object per line."
                )
                raise UserError(f"{path}, line {number}, is not JSON ({error}). {way_out}") from error
            if not isinstance(row, dict):
                raise UserError(
                    f'{path}, line {number}, holds no JSON object. Write one object per line: {{"text": ...}}.'
                )
            yield row
            hear(position())


def objects_of_array(path: Path, encoding: str, errors: Errors) -> Iterator[Row]:
    """Yield the objects of a file that is one JSON array."""
    text = _whole(path, encoding, errors)
    decoder = json.JSONDecoder()
    place = _past_space(text, _past_space(text, 0) + 1)  # behind the bracket
    while not text.startswith("]", place):
        try:
            row, end = decoder.raw_decode(text, place)
            row = tidy(row)
        except (ValueError, RecursionError) as error:
            raise _not_json(path, text, place, str(error).partition(":")[0]) from error
        if not isinstance(row, dict):
            line = text.count("\n", 0, place) + 1
            raise UserError(
                f"{path}, line {line}: an item of the array is no object. "
                'Write objects, so that every value has a name: [{"text": ...}, ...].'
            )
        yield row
        place = _past_space(text, end)
        if text.startswith(",", place):
            place = _past_space(text, place + 1)
            if text.startswith("]", place):
                raise _not_json(path, text, place, "nothing follows the last comma")
        elif not text.startswith("]", place):
            raise _not_json(path, text, place, "a comma or the closing bracket is missing")
    if _past_space(text, place + 1) < len(text):
        raise _not_json(path, text, place, "there is more behind the closing bracket")


def begins_array(path: Path, encoding: str, errors: Errors) -> bool:
    """Return whether the first character of a file, space aside, opens a JSON array."""
    with open_text(path, encoding, errors) as (file, _):
        while block := file.read(4096):
            if begun := block.lstrip(WHITESPACE):
                return begun[0] == "["
    return False


def document(path: Path, encoding: str, errors: Errors, layout: TypeAdapter[T], name: str) -> T:
    """Return what a file holds that is one JSON document, checked against a `layout` that is called `name`."""
    text = _whole(path, encoding, errors)
    try:
        return layout.validate_python(tidy(json.loads(text)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its top"
        raise UserError(
            f"{path} is not in the layout of {name}: at {where}, {first['msg'][0].lower()}{first['msg'][1:]}. "
            "Fix that line, or choose the reader of another kind."
        ) from error
    except json.JSONDecodeError as error:
        raise _not_json(path, text, error.pos, error.msg) from error
    except (ValueError, RecursionError) as error:
        raise _not_json(path, text, 0, str(error)) from error


def _whole(path: Path, encoding: str, errors: Errors) -> str:
    with open_text(path, encoding, errors) as (file, _):
        text = file.read(MAX_DOCUMENT_CHARACTERS)
        if len(text) == MAX_DOCUMENT_CHARACTERS:
            raise UserError(
                f"{path} holds more than {MAX_DOCUMENT_CHARACTERS:,} characters in one piece of JSON. "
                "Split it, or write an object per line."
            )
    return text


def _past_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in WHITESPACE:
        place += 1
    return place


def _not_json(path: Path, text: str, place: int, why: str) -> UserError:
    line = text.count("\n", 0, place) + 1
    return UserError(f"{path}, line {line}, is not JSON ({why}). Fix that line, or get the file again.")
