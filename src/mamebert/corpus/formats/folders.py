"""The files below a folder, in order and one after the other: a million of them fill no memory."""

import os
from collections.abc import Iterator
from pathlib import Path

from mamebert.errors import UserError


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted by their paths; no hidden ones.

    Those of linked folders are among them, each folder once. One folder's names are in memory at a time, and those of
    the folders it lies in.
    """
    met: set[str] = set()
    waiting = [_entries(folder, met)]
    while waiting:
        path, is_folder = next(waiting[-1], (None, False))
        if path is None:
            waiting.pop()
        elif is_folder:
            waiting.append(_entries(path, met))
        else:
            yield path


def _entries(folder: Path, met: set[str]) -> Iterator[tuple[Path, bool]]:
    """Yield what lies in a folder that was not met before, and whether each is a folder."""
    real = os.path.realpath(folder)
    if real in met:
        return
    met.add(real)
    names, folders = [], set()
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if not entry.name.startswith("."):
                    names.append(entry.name)
                    if _is_folder(entry):
                        folders.add(entry.name)
    except PermissionError as error:
        raise UserError(
            f"The folder {folder} may not be read (no permission). Change that, or move it away."
        ) from error
    for name in sorted(names):
        yield folder / name, name in folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
