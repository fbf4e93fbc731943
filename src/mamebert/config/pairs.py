"""One `key=value` of the command line."""

import json
import re
import tomllib
from typing import Any

from mamebert.config.spellings import as_written
from mamebert.errors import UserError


def parse_pair(word: str) -> dict[str, Any]:
    """Turn `training.steps=300` into {"training": {"steps": 300}}; the value is read as TOML, as JSON, or as text."""
    key, _, text = word.partition("=")
    value = _value(key, text)
    names = _names_in(key)
    if not all(name.strip() for name in names):
        raise UserError(f"{word[:60]} does not name a setting. Write NAME=VALUE, such as training.steps=300.")
    for name in reversed(names):
        value = {name: value}
    return value  # type: ignore[no-any-return]


def _names_in(key: str) -> list[str]:
    """Return the parts of a dotted name; one with a dot in it stands in quotes, as in TOML: models."bert-v1.2"."""
    if not {'"', "'"} & set(key):
        return key.strip().split(".")
    try:
        table: Any = tomllib.loads(f"{key} = 0")
    except (ValueError, RecursionError) as error:
        raise UserError(
            f'{key} is not the name of a setting ({error}). A name with a dot in it stands in quotes: "a.b".'
        ) from error
    names = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return names


def _value(key: str, text: str) -> Any:
    """Read a value; what begins as a table, or a list of them, and is none is a UserError: no text begins so."""
    try:
        return as_written(tomllib.loads(f"value = {text}")["value"], text)
    except (ValueError, RecursionError) as error:  # ValueError also at a number of more digits than Python reads
        because = error
    if text.lstrip().startswith(("{", "[", '"')):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    if text.lstrip().startswith("{") or re.match(r"\s*\[\s*\{", text):
        raise UserError(
            f"{key}={text[:60]} cannot be read as a table: {because}. Write it as TOML, {key}='{{kind = \"x\"}}', "
            f'or as JSON, {key}=\'{{"kind": "x"}}\'.'
        )
    return text
