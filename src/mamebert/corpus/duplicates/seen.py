"""A table of digests that does not fit into memory: the newest in a dict, the others sorted on disk."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mamebert.corpus.duplicates import DIGEST_BYTES
from mamebert.files.disk import disk_errors

MOST_IN_MEMORY = 1 << 17
"""Digests in memory, of about 100 bytes each; files begin with so many."""
FILES_OF_A_SIZE = 4
"""So many files of a size are merged into one: n digests lie in 3 log4(n / 131,072) files or fewer."""
MERGED_AT_ONCE = 1 << 18

Digests = npt.NDArray[np.bytes_]
NUMBER_BYTES = 8
"""Behind each digest stands a number of its own."""
_KIND, _ENTRY = np.dtype(f"S{DIGEST_BYTES}"), np.dtype(f"S{DIGEST_BYTES + NUMBER_BYTES}")


class Seen:
    """The digests met so far, in memory that does not grow with them; on disk they take 24 bytes each.

    Whoever is about to ask for some tells so first (`look_up`), for disks are read in the order of the digests.
    Use as a context: what is on disk goes away.
    """

    def __init__(self, folder: Path, most_in_memory: int = MOST_IN_MEMORY) -> None:
        self.folder, self.most_in_memory = folder, most_in_memory
        self._newest: dict[bytes, int] = {}
        self._found: dict[bytes, int] = {}
        self._levels: list[list[Path]] = []
        self._num_files = 0

    def __enter__(self) -> Self:
        """Begin empty: what a killed run has left goes away."""
        self._clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the files away."""
        self._clear()

    def look_up(self, items: Iterable[bytes]) -> None:
        """Find out which of the items that will be asked for are on disk; of others nothing is known until then."""
        if len(self._newest) >= self.most_in_memory:
            self._write()
        asked = sorted(set(items) - self._newest.keys())
        sought = np.array(asked, _KIND)
        self._found = {asked[place]: number for path in self._files() for place, number in _numbers_in(path, sought)}

    def has(self, item: bytes) -> bool:
        """Return whether an item, which was looked up, was met."""
        return item in self._newest or item in self._found

    def number(self, item: bytes) -> int:
        """Return the number with which an item, which was met, is remembered."""
        return self._newest[item] if item in self._newest else self._found[item]

    def is_new(self, item: bytes, number: int = 0) -> bool:
        """Remember an item, which was looked up, with a number; return whether it was met for the first time."""
        if self.has(item):
            return False
        self._newest[item] = number
        return True

    def _files(self) -> list[Path]:
        return [path for level in self._levels for path in level]

    def _write(self) -> None:
        entries = [item + number.to_bytes(NUMBER_BYTES, "big") for item, number in self._newest.items()]
        digests = np.sort(np.array(entries, _ENTRY))
        self._newest = {}
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            digests.tofile(path := self._next_file())
            self._put(path, 0)

    def _put(self, path: Path, level: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        files = self._levels[level]
        files.append(path)
        if len(files) == FILES_OF_A_SIZE:
            merge(files, together := self._next_file())
            for each in files:
                each.unlink()
            files.clear()
            self._put(together, level + 1)

    def _next_file(self) -> Path:
        self._num_files += 1
        return self.folder / f"{self._num_files:06}.digests"

    def _clear(self) -> None:
        with disk_errors(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)


def _numbers_in(path: Path, sought: Digests) -> Iterator[tuple[int, int]]:
    """Yield the places of the digests that stand in a file, and their numbers."""
    # Opened anew each time: pages that were read do not stay in this process.
    entries = np.memmap(path, _ENTRY, "r")
    places = np.searchsorted(entries, sought.astype(_ENTRY))
    found = np.asarray(entries[np.minimum(places, len(entries) - 1)])
    for place in np.flatnonzero(found.astype(_KIND) == sought):
        written = bytes(found[place]).ljust(_ENTRY.itemsize, b"\0")
        yield int(place), int.from_bytes(written[DIGEST_BYTES:], "big")


def merge(sorted_files: Sequence[Path], together: Path) -> None:
    """Merge files of sorted digests, a range of digests at a time: they are evenly spread, being hashes."""
    parts = [np.memmap(path, _ENTRY, "r") for path in sorted_files]
    num_ranges = max(1, sum(map(len, parts)) // MERGED_AT_ONCE)
    bounds = np.array([(number * 2**64 // num_ranges).to_bytes(8, "big") for number in range(1, num_ranges)], _ENTRY)
    places = [[0, *np.searchsorted(part, bounds).tolist(), len(part)] for part in parts]
    with together.open("wb") as file:
        for number in range(num_ranges):
            pieces = [part[at[number] : at[number + 1]] for part, at in zip(parts, places, strict=True)]
            np.sort(np.concatenate(pieces)).tofile(file)
