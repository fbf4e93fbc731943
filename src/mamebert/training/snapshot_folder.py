"""The snapshots of one run: taken while training goes on, the last ones kept, the newest whole one found again."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from mamebert.errors import UserError
from mamebert.progress import say
from mamebert.training.snapshot import Damaged, Snapshot, read_snapshot, write_snapshot


class SnapshotFolder:
    """Copies a training's state in a moment and writes it in a thread of its own.

    One snapshot is written at a time, in the order they were taken. What goes wrong while writing (a full
    disk, say) is raised by the next call of `take`, `wait` or `raise_failure`.
    """

    def __init__(self, folder: Path, keep: int, before_writing: Callable[[], None]) -> None:
        """`before_writing` runs in the thread: it forces to disk what a snapshot relies on."""
        self.folder, self.keep, self.before_writing = folder, keep, before_writing
        self._copies: dict[str, Tensor] = {}
        self._thread: Thread | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        """Leave with everything on disk."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until what was taken is written, unless someone insists on stopping at once."""
        if kind is None:
            self.wait()
        elif issubclass(kind, Exception) and self._thread is not None:
            self._thread.join()

    @property
    def busy(self) -> bool:
        """Whether a snapshot is still being written."""
        return self._thread is not None and self._thread.is_alive()

    def take(self, snapshot: Snapshot, needed: Collection[int] = ()) -> None:
        """Copy `snapshot` and begin to write it; first wait until the one before is written.

        Once it is written, older ones are deleted but for the last `keep` and those of the steps `needed`.
        """
        self.wait()
        copy = replace(snapshot, tensors=self._copied(snapshot.tensors))
        self._thread = Thread(target=self._write, args=(copy, frozenset(needed)), daemon=True, name="snapshot")
        self._thread.start()

    def wait(self) -> None:
        """Return when everything taken is on disk."""
        if self._thread is not None:
            self._thread.join()
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what went wrong in the thread, once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def newest(self) -> Snapshot | None:
        """Return the newest whole snapshot, None if none was ever taken; a UserError if all are damaged."""
        paths = self._paths()
        for path in reversed(paths):
            try:
                return read_snapshot(path)
            except Damaged:
                say(f"{path} is damaged; the snapshot before it is taken.")
        if paths:
            raise UserError(
                f"All snapshots in {self.folder} are damaged. Delete the folder {self.folder.parent} and start again."
            )
        return None

    def of(self, step: int) -> Snapshot:
        """Return the snapshot of one step, waiting until it is written; a UserError if it is not there or damaged."""
        self.wait()
        try:
            return read_snapshot(self._path(step))
        except Damaged as error:
            raise UserError(
                f"{self._path(step)} is missing or damaged, and training has to go back to it. "
                f"Delete the folder {self.folder.parent} and start again."
            ) from error

    def _copied(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        on_device = any(value.is_cuda for value in tensors.values())
        for name, value in tensors.items():
            if name not in self._copies:
                self._copies[name] = torch.empty(value.shape, dtype=value.dtype, pin_memory=value.is_cuda)
            self._copies[name].copy_(value, non_blocking=True)
        if on_device:
            torch.cuda.synchronize()
        return {name: self._copies[name] for name in tensors}

    def _write(self, snapshot: Snapshot, needed: frozenset[int]) -> None:
        try:
            self.before_writing()
            write_snapshot(self._path(snapshot.step), snapshot)
            until_now = [path for path in self._paths() if path <= self._path(snapshot.step)]
            for path in {*until_now[: -self.keep]} - {*map(self._path, needed)}:
                path.unlink()
        except BaseException as error:
            self._failure = error

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:09}.safetensors"

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.safetensors"))
