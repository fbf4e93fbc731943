"""Locks between processes, on files; one ends with the process that holds it, however that ends."""

import sys
from typing import IO, Any


class Held(Exception):
    """Another process holds the lock."""


class NoLocks(Exception):
    """The file system of the file has no locks."""


def lock(file: IO[Any]) -> None:
    """Take the lock of an open file until it is closed; `Held` or `NoLocks` where that cannot be."""
    try:
        _take(file)
    except (BlockingIOError, PermissionError) as error:  # the second is what Windows says
        raise Held from error
    except OSError as error:
        raise NoLocks from error


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[Any]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: IO[Any]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
