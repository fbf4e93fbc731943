"""run.json, read with care: whoever has written it, everything in it is of the kind that stages rely on."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.files.json_files import read_value

NAME = "run.json"
MOST_BYTES = 32_000_000
_WAY_OUT = "Delete the folder and run the stage again."
_Check = Callable[[Any], bool]


SEAL = "sha256"
"""What in a record tells the hash of all else in it. It lies inside, so that both are written at once."""


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with the hash of what it says; how it is laid out in the file is no part of that."""
    # It comes first: with its line taken out of the file, the rest is JSON as before.
    return {SEAL: _hash(json.loads(json.dumps(record))), **record}


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return what the run.json in a folder says; None where there is none, or one of something else than a stage.

    One that is no JSON is a UserError, as is one that was changed since it was written, or one in which something has
    another kind than stages write. Those without a hash, from before there were any, are not compared.
    """
    path = folder / NAME
    try:
        if not path.is_file():
            return None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}). Give another folder.") from error
    # NaN stands for a measure that cannot be told of these rows, and a name of a file need not be text.
    record = read_value(path, _WAY_OUT, MOST_BYTES, finite=False, whole=False)
    if not isinstance(record, dict) or not all(name in record for name in _NEEDED):
        return None
    for name, (kind, is_right) in _KINDS.items():
        if name in record and not is_right(record[name]):
            raise UserError(f"{path} is damaged ({name} is no {kind}). {_WAY_OUT}")
    told = record.pop(SEAL, None)
    if told is not None and told != _hash(record):
        raise UserError(
            f"{path} was changed since it was written. Undo that, or delete the folder and run the stage again; if it "
            f'was changed on purpose, delete the line "{SEAL}" in it.'
        )
    return record


def record_around(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the nearest run folder that `path` is, or lies in, and its record; None for a path from elsewhere."""
    for folder in (path, *path.parents):
        record = read_record(folder)
        if record is not None:
            return folder, record
    return None


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _is_source(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("sha256"), str) and isinstance(found.get("name", ""), str)


def _is_input(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(found.get(name), str) for name in ("path", "id"))


def _is_text(found: Any) -> bool:
    return isinstance(found, str)


def _is_table(found: Any) -> bool:
    return isinstance(found, dict)


_NEEDED = ("id", "command", "settings", "inputs")
"""What names a run."""
_KINDS: dict[str, tuple[str, _Check]] = {
    "id": ("text", _is_text),
    "command": ("text", _is_text),
    "settings": ("object", _is_table),
    "inputs": ("object of paths and ids", lambda found: _is_table(found) and all(map(_is_input, found.values()))),
    "sources": ("list of texts and hashes", lambda found: isinstance(found, list) and all(map(_is_source, found))),
    "replaces": (
        "list of ids",
        lambda found: isinstance(found, list) and all(map(_is_text, found)),
    ),
    "seconds": (
        "number of seconds",
        lambda found: isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 1e12,
    ),
    "finished": ("true or false", lambda found: isinstance(found, bool)),
    "results": ("object", _is_table),
    "versions": ("object of texts", lambda found: _is_table(found) and all(map(_is_text, found.values()))),
    "machine": ("object", _is_table),
    "written": ("text", _is_text),
}
