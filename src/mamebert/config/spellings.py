"""Values as their settings declare them: a number where a text is asked for, one value where a list is.

`output=20240101` and `task.positive_label=1` are numbers to TOML, and texts to who wrote them.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

TEXTS = (str, Path)
PLAIN = (str, int, float, bool)


class WholeNumber(int):
    """A whole number that knows how it was written: 1_000 may be the name of a folder."""

    spelling: str = ""


class Number(float):
    """A number that knows how it was written, 1e5 say."""

    spelling: str = ""


def as_written(value: Any, text: str) -> Any:
    """Return a number that remembers the `text` it was read from; any other value as it is."""
    if type(value) not in (int, float):
        return value
    kept = WholeNumber(value) if isinstance(value, int) else Number(value)
    kept.spelling = text.partition("#")[0].strip()
    return kept


def as_declared(annotation: Any, value: Any) -> Any:
    """Return a value in the form that a field of this type asks for, where only the spelling differs.

    Numbers, truth values and dates become texts where nothing but a text (or path) can be meant, and one plain value
    becomes a list of one where a list of such values is meant. True and false are no 1 and 0: where numbers alone are
    meant they become texts too. Everything else stays, to be refused by the type.
    """
    meant = alternatives(annotation)
    if value is None or not meant:
        return value
    if all(isinstance(each, type) and issubclass(each, TEXTS) for each in meant):
        return _as_text(value)
    if isinstance(value, bool) and all(each in (int, float) for each in meant):
        return _as_text(value)
    if len(meant) == 1 and (inner := get_args(meant[0])):
        match get_origin(meant[0]):
            case container if container is list:
                return _as_list(inner[0], value)
            case container if container is dict and isinstance(value, Mapping):
                return {name: as_declared(inner[1], each) for name, each in value.items()}
    return value


def _as_list(inner: Any, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(as_declared(inner, each) for each in value)
    is_list_misspelt = isinstance(value, str) and value.lstrip().startswith(("[", "{"))
    return (
        [as_declared(inner, value)]
        if is_plain(inner) and isinstance(value, (*TEXTS, *PLAIN)) and not is_list_misspelt
        else value
    )


def is_plain(annotation: Any) -> bool:
    """Tell whether values of a type are single ones, of which one may stand for a list of them."""
    return all(
        get_origin(each) is Literal or (isinstance(each, type) and issubclass(each, (*TEXTS, *PLAIN)))
        for each in alternatives(annotation)
    )


def alternatives(annotation: Any) -> list[Any]:
    """Return the types that a value may have, None left out."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [each for part in get_args(annotation) for each in alternatives(part)]
    return [annotation] if annotation is not NoneType else []


def _as_text(value: Any) -> Any:
    if isinstance(value, WholeNumber | Number):
        return value.spelling
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else value


def plain(value: Any) -> str:
    """Return a value as a message shows it."""
    return json.dumps(value, ensure_ascii=False, default=str)
