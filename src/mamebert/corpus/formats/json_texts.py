"""JSON of two layouts: an object per line, one document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from mamebert.corpus.formats.json_arrays import WHITESPACE, not_json
from mamebert.corpus.formats.opening import Errors, Hear, open_text
from mamebert.corpus.formats.text_lines import bounded_lines, tidy
from mamebert.corpus.readers import Row
from mamebert.errors import UserError

T = TypeVar("T")

# A document is held in memory, about ten times its size while it is taken apart.
MAX_DOCUMENT_CHARACTERS = 200_000_000


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
        raise not_json(path, text.count("\n", 0, error.pos) + 1, error.msg) from error
    except (ValueError, RecursionError) as error:
        raise not_json(path, 1, str(error)) from error


def _whole(path: Path, encoding: str, errors: Errors) -> str:
    with open_text(path, encoding, errors) as (file, _):
        text = file.read(MAX_DOCUMENT_CHARACTERS)
        if len(text) == MAX_DOCUMENT_CHARACTERS:
            raise UserError(
                f"{path} holds more than {MAX_DOCUMENT_CHARACTERS:,} characters in one piece of JSON. "
                "Split it, or write an object per line."
            )
    return text
