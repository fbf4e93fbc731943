"""Runs that go on from finished ones: the same settings with more items behind those of a list, such as seeds."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mamebert.files.disk import put_in_place, remove

BEFORE = ".before"
"""Where the finished run lies between leaving its name and going away: in the folder of the run that replaces it."""
_OF_THE_RUN_ITSELF = {"run.json", ".lock", BEFORE}


def lists_of(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the lists of those names; one that is none, in the record of another version, is empty."""
    found = {name: settings.get(name) for name in names}
    return {name: value if isinstance(value, list) else [] for name, value in found.items()}


def goes_on_from(before: Mapping[str, list[Any]], now: Mapping[str, list[Any]]) -> bool:
    """Return whether every list has what it had, in the same places, and maybe more behind it."""
    return all(now[name][: len(items)] == items for name, items in before.items())


def begin_with_copy(finished: Path, working: Path) -> None:
    """Copy what a finished run made into the folder of the run that goes on from it, but for its record.

    The record of the new run, written afterwards, tells that the copy is whole; until then it is made anew.
    """
    for left in working.iterdir():
        if left.name != ".lock":
            remove(left)

    def not_copied(folder: str, names: list[str]) -> set[str]:
        return _OF_THE_RUN_ITSELF.intersection(names) if Path(folder) == finished else set()

    shutil.copytree(finished, working, symlinks=True, ignore=not_copied, dirs_exist_ok=True)


def put_in_place_of(working: Path, final: Path) -> None:
    """Give a folder that is whole its final name; the finished run there is at no moment lost, and goes away last."""
    if final.is_dir():
        os.replace(final, working / BEFORE)
    put_in_place(working, final)
    shutil.rmtree(final / BEFORE, ignore_errors=True)
