"""The place of answers: standard output, a file that gets its name when it is whole, or a device, pipe or link.

Answers are lines of JSON as they come. A table is made of them when all are there: only then are its columns known.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, partial, put_in_place, temporary_folder, writing
from mamebert.files.locks import Held, NoLocks, lock
from mamebert.progress import say
from mamebert.serving.answer_tables import Format, write_table
from mamebert.serving.begun import Begun

STDOUT = Path("standard output")


@contextmanager
def opened(out: Path | None, form: Format = "jsonl", begun: Begun | None = None) -> Iterator[TextIO]:
    """Give a stream to write lines of JSON to; None is standard output.

    A file gets its name when everything is in it, and one there before is replaced then; a link is written through. A
    device or a pipe is written to as lines come, or with tables when all have come. What `begun` tells of is kept, and
    more is written behind it. Two processes that write to one file are a UserError for the second.
    """
    out = _refuse_no_place(out) if out else None
    if out and (out.is_file() or not out.exists()):
        with _replaced(Path(os.path.realpath(out)), form, begun or Begun()) as file:
            yield file
        return
    if out is None and sys.stdout is None:
        raise UserError("Standard output is closed. Name a file with --out.")
    with disk_errors(out or STDOUT, goes_on=False), _streamed(out) as stream:
        if form == "jsonl":
            yield stream
        else:
            with temporary_folder() as scratch:
                lines = scratch / "answers.jsonl"
                with lines.open("w", encoding="utf-8", errors="backslashreplace") as file:
                    yield file
                write_table(lines, form, stream.buffer)


@contextmanager
def _streamed(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        sys.stdout.flush()
    else:
        with out.open("w", encoding="utf-8") as file:
            yield file


def refuse_to_write_over(out: Path | None, file: Path | None, model: Path) -> None:
    """Raise a UserError where `out` is the file of the rows, or lies in the folder of the model that answers."""
    if out is None:
        return
    if file and (file.absolute() == out.absolute() or (out.is_file() and file.exists() and out.samefile(file))):
        raise UserError(f"{out} is the file that is read. Give another name with --out.")
    if Path(os.path.realpath(model)) in Path(os.path.realpath(out)).parents:
        raise UserError(f"{out} lies in the folder of the model that answers. Give another name with --out.")


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
def _replaced(out: Path, form: Format, begun: Begun) -> Iterator[TextIO]:
    beside, num_lines, goes_on = partial(out), 0, begun.asked is not None
    with disk_errors(out, goes_on=goes_on), _alone(beside, out) as file:
        begun.take_up(file, beside)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            num_lines = _num_lines(file, beside)
            if not num_lines:
                beside.unlink(missing_ok=True)
                begun.forget(beside)
            raise
        finally:
            if num_lines:
                then = "goes on behind them" if goes_on else "begins anew"
                say(f"{num_lines:,} answers are in {beside}. {out} is not made, and the same command {then}.")
        if form == "jsonl":
            put_in_place(beside, out)
        else:
            with writing(out, partial(beside)) as whole, whole.open("wb") as table:
                write_table(beside, form, table)
            beside.unlink()
        begun.forget(beside)


@contextmanager
def _alone(beside: Path, out: Path) -> Iterator[TextIO]:
    """Open a file that no other process of ours has open."""
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
        yield file


def _num_lines(file: TextIO, beside: Path) -> int:
    try:
        file.flush()
        with beside.open("rb") as written:
            return sum(block.count(b"\n") for block in iter(lambda: written.read(1 << 20), b""))
    except OSError:  # of a full disk: the error that led here is told
        return 0
