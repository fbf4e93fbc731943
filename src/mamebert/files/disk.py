"""Files that are written whole or not at all, and what a disk can refuse."""

import errno
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mamebert.errors import UserError

# What a file system that cannot force names to disk answers is none of these.
FAILURES_OF_FSYNC = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def partial(folder: Path) -> Path:
    """Return the name under which a folder is written until it is whole."""
    return folder.with_name(folder.name + ".partial")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(path: Path, scratch: Path | None = None) -> Iterator[Path]:
    """Give the path at which to write a file; on leaving without an error it is on disk and gets its name, `path`.

    The file is written in a folder beside its name, `scratch` or NAME.tmp, so that what a library leaves there when it
    is killed goes away with the folder. Who may read the file is as the umask says, whatever the library does.
    """
    scratch = scratch or path.with_name(path.name + ".tmp")
    with disk_errors(path):
        remove(scratch)
        scratch.mkdir(parents=True)
        try:
            yield scratch / path.name
            _allow_readers(scratch / path.name, like=scratch)
            _force(scratch / path.name)
            os.replace(scratch / path.name, path)
        finally:
            remove(scratch)
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file of UTF-8 whole or not at all; bytes that are no text (in names of files) are spelt as in JSON."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with writing(path) as beside:
        beside.write_bytes(content)


def save_tensors(
    path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None, scratch: Path | None = None
) -> None:
    """Write a safetensors file whole or not at all; `tensors` are of torch, or all of them of numpy."""
    import numpy as np

    if all(isinstance(tensor, np.ndarray) for tensor in tensors.values()):
        from safetensors.numpy import save_file
    else:
        from safetensors.torch import save_file
    with writing(path, scratch) as beside:
        save_file(dict(tensors), beside, metadata=dict(metadata) if metadata else None)


def put_in_place(working: Path, final: Path) -> None:
    """Give a folder that is whole its final name, for certain; an empty folder there is replaced."""
    with disk_errors(final):
        os.replace(working, final)
        sync_folder(final.parent)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that goes away afterwards; those that killed processes of ours have left go away first."""
    # Containers may share the place and have numbers of processes of their own.
    ours = f"mamebert-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
    for left in Path(tempfile.gettempdir()).glob(f"{ours}*-*"):
        owner = left.name.removeprefix(ours).split("-")[0]
        if owner.isdecimal() and not _is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{ours}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def its_temporary_files_in(folder: Path) -> Iterator[None]:
    """Let a library put its temporary files where they go away with what they are for."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # where signal 0 ends a process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def remove(path: Path) -> None:
    """Take away a file or a folder with all that is in it; none there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk, where its file system can: a rename is certain only then."""
    _force(folder)


def _force(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in FAILURES_OF_FSYNC:
            raise


def _allow_readers(path: Path, like: Path) -> None:
    with suppress(PermissionError):  # of a file system that has no such rights
        path.chmod(like.stat().st_mode & 0o666)


@contextmanager
def disk_errors(path: Path, goes_on: bool = True) -> Iterator[None]:
    """Turn a full disk, a forbidden folder or an impossible name into a UserError; what was written stays.

    `goes_on` tells whether the same command, started again, goes on where it stopped.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        told = _sentence(_error_number(error), path)
        if told is None:
            raise
        raise UserError(told if goes_on else told.replace(": it goes on.", ".")) from error


def _sentence(number: int | None, path: Path) -> str | None:
    match number:
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk is full, writing {path}. Free some space and start the same command again: it goes on."
        case errno.EIO | errno.ESTALE:
            return f"The disk failed, writing {path}. Check the disk and start the same command again: it goes on."
        case errno.EACCES | errno.EROFS | errno.EPERM:
            return f"{path} cannot be written (no permission). Choose another output folder."
        case errno.EFBIG:
            return f"{path} is larger than this disk allows a file to be. Choose an output on another disk."
        case errno.ENAMETOOLONG | errno.ENOTDIR | errno.EISDIR | errno.EEXIST | errno.ENOTEMPTY | errno.ELOOP:
            return f"{path} cannot be written ({os.strerror(number).lower()}). Choose another output."
        case _:
            return None


def _error_number(error: Exception) -> int | None:
    # Libraries in Rust (safetensors, tokenizers) have errors of their own, with the number in the text.
    told = re.search(r"\(os error (\d+)\)", str(error))
    return error.errno if isinstance(error, OSError) else int(told[1]) if told else None


def need_space(folder: Path, num_bytes: int, what: str) -> None:
    """Raise a UserError before work starts when `what` will not fit on the disk of `folder`."""
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free
    if free < num_bytes:
        raise UserError(
            f"{what} need about {num_bytes / 1e6:,.0f} MB and the disk of {there} has {free / 1e6:,.0f} MB free. "
            "Free some space or choose another output."
        )
