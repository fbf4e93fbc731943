"""Runs that are done again in their place: the settings are as they were, and something they read was made anew."""

import os
from collections.abc import Iterable
from pathlib import Path

from mamebert.files.disk import remove
from mamebert.runs.growing import BEFORE
from mamebert.runs.record import NAME, record_around


def replaced_at(path: Path) -> list[str]:
    """Return what was at `path` before: the ids of finished runs whose place the run there, or around it, has taken.

    A folder inside a run is named by the id of the run and the place inside, as `identity` names it.
    """
    found = record_around(path)
    if found is None:
        return []
    folder, record = found
    return within(record.get("replaces", []), "" if folder == path else str(path.relative_to(folder)))


def within(ids: Iterable[str], inside: str) -> list[str]:
    """Return the identities of a place inside runs; of the runs themselves where it is ""."""
    return [f"{each}/{inside}" if inside else each for each in ids]


def begin_anew(final: Path, working: Path) -> None:
    """Empty the folder of a run that was begun with what is no longer there, but for its lock and its record.

    The record, which the new one replaces in a single step, tells until then that what lies there is not of the new
    run. A finished run on its way out of `final` goes back there.
    """
    if (working / BEFORE).is_dir() and not final.exists():
        os.replace(working / BEFORE, final)
    for left in working.iterdir():
        if left.name not in (".lock", NAME):
            remove(left)
