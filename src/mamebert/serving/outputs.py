"""The place of answers: standard output, a file that gets its name when it is whole, or a device, pipe or link."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, partial, put_in_place
from mamebert.files.locks import Held, NoLocks, lock
from mamebert.progress import say

STDOUT = Path("standard output")


@contextmanager
def opened(out: Path | None) -> Iterator[TextIO]:
    """Give a stream to write lines to; None is standard output.

    A file gets its name when everything is in it, and one there before is replaced then; a link is written through. A
    device or a pipe is written to as lines come. Two processes that write to one file are a UserError for the second.
    """
    out = _refuse_no_place(out) if out else None
    if out is None:
        if sys.stdout is None:
            raise UserError("Standard output is closed. Name a file with --out.")
        with disk_errors(STDOUT, goes_on=False):
            yield sys.stdout
            sys.stdout.flush()
    elif out.exists() and not out.is_file():
        with disk_errors(out, goes_on=False), out.open("w", encoding="utf-8") as file:
            yield file
    else:
        with _replaced(Path(os.path.realpath(out))) as file:
            yield file


def _refuse_no_place(out: Path) -> Path | None:
    """Return where to write to; None where `out` is standard output by another name."""
    with disk_errors(out):
        if out.is_dir():
            raise UserError(f"{out} cannot be a file: there is a folder of this name. Give another name with --out.")
        if out.exists():
            stdout = sys.__stdout__
            return None if stdout is not None and stdout is sys.stdout and _is(out, stdout) else out
        end = Path(os.path.realpath(out))
        if end.is_symlink():
            raise UserError(f"{out} cannot be a file: it is a link that leads to itself. Give another name with --out.")
        folder = end.parent
        if not folder.is_dir():
            raise UserError(f"{out} cannot be a file: there is no folder {folder}. Give another name with --out.")
        return out


def _is(path: Path, stream: IO[str]) -> bool:
    return os.path.samestat(path.stat(), os.fstat(stream.fileno()))


@contextmanager
def _replaced(out: Path) -> Iterator[TextIO]:
    beside, num_lines = partial(out), 0
    with disk_errors(out, goes_on=False), _alone(beside, out) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            num_lines = _num_lines(file, beside)
            if not num_lines:
                beside.unlink(missing_ok=True)
            raise
        finally:
            if num_lines:
                say(f"{num_lines:,} answers are in {beside}. {out} is not made, and the same command begins anew.")
        put_in_place(beside, out)


@contextmanager
def _alone(beside: Path, out: Path) -> Iterator[TextIO]:
    """Open a file that no other process of ours has open, and empty it."""
    while True:
        file = beside.open("a", encoding="utf-8", errors="backslashreplace")
        try:
            lock(file)
        except Held as error:
            file.close()
            raise UserError(
                f"Another process is writing {out}. Wait for it, or give another name with --out."
            ) from error
        except NoLocks:
            say(f"The disk of {out} has no locks: see to it that no other process writes there.")
        if beside.exists() and _is(beside, file):
            break
        file.close()  # the one who held it has given it its final name meanwhile
    with file:
        file.truncate(0)
        yield file


def _num_lines(file: TextIO, beside: Path) -> int:
    try:
        file.flush()
        with beside.open("rb") as written:
            return sum(block.count(b"\n") for block in iter(lambda: written.read(1 << 20), b""))
    except OSError:  # of a full disk: the error that led here is told
        return 0
