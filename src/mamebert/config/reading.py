"""Settings files, `key=value` pairs and environment variables become one dictionary."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from mamebert.config.merging import merge
from mamebert.config.pairs import parse_pair
from mamebert.errors import UserError
from mamebert.files.json_files import parse, read_bytes


def read_settings(words: Iterable[str]) -> dict[str, Any]:
    """Merge settings files (TOML, or the run.json of an earlier run) and `key=value` pairs; later wins.

    Pairs that follow each other say one thing, in whatever order: `a.size=1 a.kind=x` is `a.kind=x a.size=1`.
    """
    merged: dict[str, Any] = {}
    pairs: dict[str, Any] = {}
    for word in words:
        if "=" in word and not is_file(word):
            merge(pairs, parse_pair(word), one_saying=True)
        else:
            merge(merged, pairs)
            pairs = {}
            merge(merged, read_file(Path(word)))
    return merge(merged, pairs)


def is_file(word: str) -> bool:
    """Tell whether a word of the command line is the name of a file; one that cannot be a name is none."""
    return os.path.isfile(word)  # Path.is_file fails at values too long for a name


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file or in a run.json."""
    if not path.is_file():
        raise UserError(f"There is no settings file {path}. Give a TOML file, a run.json or key=value pairs.")
    try:
        raw = read_bytes(path)
        if path.suffix != ".json":
            return tomllib.loads(raw.decode())
        record = parse(raw, finite=False, whole=False)
        return dict(record.get("settings", record))
    except (ValueError, AttributeError, TypeError, RecursionError, OSError) as error:
        raise UserError(
            f'{path} cannot be read as settings: {error}. Fix that line; a text stands in quotes: name = "bean".'
        ) from error


def with_environment(value: Any, stage: str = "") -> Any:
    """Replace ${NAME} in every text of some settings by the environment variable NAME; $$ stands for a dollar sign."""
    if isinstance(value, Mapping):
        return {key: with_environment(item, stage) for key, item in value.items()}
    if isinstance(value, list):
        return [with_environment(item, stage) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    where = f"[{stage}] " if stage else ""
    try:
        return Template(value).substitute(os.environ)
    except KeyError as error:
        name = error.args[0]
        raise UserError(
            f"{where}{value!r} needs the environment variable {name}. Set it: export {name}=/some/folder"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{where}{value!r} is not a text with ${{NAME}} in it ({error}). Write $$ for a dollar sign."
        ) from error
