"""One process works on a run folder at a time."""

import os
import shutil
from pathlib import Path
from typing import IO

from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.files.locks import Held, NoLocks, lock
from mamebert.progress import say
from mamebert.runs.places import has_work

LockId = tuple[int, int]
"""A lock file's place on disk."""

# Folders this process works on.
_OUR_LOCKS: dict[LockId, IO[str]] = {}


def hold(folder: Path) -> LockId:
    """Lock a folder until `release`, or until the process ends, however it ends; held by another, it is a UserError."""
    file = (folder / ".lock").open("w")
    about = os.fstat(file.fileno())
    lock_id = (about.st_dev, about.st_ino)
    if lock_id in _OUR_LOCKS:
        return lock_id  # a second try in one process (a notebook, say) after the first one failed
    try:
        lock(file)
    except Held as error:
        raise UserError(f"Another process is working on {folder}. Wait for it, or choose another output.") from error
    except NoLocks:
        say(f"The disk of {folder} has no locks: see to it that no other process works there.")
    _OUR_LOCKS[lock_id] = file
    return lock_id


def release(lock_id: LockId) -> None:
    """Let others work there."""
    _OUR_LOCKS.pop(lock_id).close()


def drop_empty(output: Path) -> None:
    """Take the folder of a run away that this process began, ended, and has put nothing into."""
    folder = partial(output)
    try:
        about = (folder / ".lock").stat()
    except OSError:
        return
    held = _OUR_LOCKS.pop((about.st_dev, about.st_ino), None)
    if held is None:
        return
    if not has_work(folder):
        shutil.rmtree(folder, ignore_errors=True)
    held.close()
