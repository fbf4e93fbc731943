"""What a folder is, and which texts are behind it: two runs with equal identities are the same run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.files.disk import hash_file, partial
from mamebert.runs.record import record_around


@dataclass(frozen=True)
class Source:
    """Text that came from outside, named by its content."""

    name: str
    sha256: str


def identity(path: Path) -> str:
    """Return what a folder is: the id of the run it belongs to plus the place inside, else a hash of its files.

    Folders from elsewhere (a Hugging Face model, say) have no run.json and are named by their content.
    """
    path = Path(path)
    if not path.exists():
        unfinished = any(partial(p).exists() for p in (path, *path.parents) if p.name)
        way_out = (
            "The stage that makes it was not finished: run it again."
            if unfinished
            else "Check the path, or run the stage that makes it."
        )
        raise UserError(f"There is no folder {path}. {way_out}")
    if found := record_around(path):
        folder, record = found
        return str(record["id"]) + (f"/{path.relative_to(folder)}" if folder != path else "")
    if path.is_file():
        return hash_file(path)
    return hashed({p.name: hash_file(p) for p in sorted(path.iterdir()) if p.is_file()})


def sources_behind(path: Path) -> list[dict[str, str]]:
    """Return every outside text that went into the run at, or around, `path`; nothing for folders from elsewhere."""
    found = record_around(path)
    return list(found[1].get("sources", [])) if found else []


def joined(*lists: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the texts of all lists, each once."""
    return list({s["sha256"]: s for each in lists for s in each}.values())


def hashed(value: Mapping[str, Any]) -> str:
    """Return the hash that names a description."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
