"""Files that are written whole or not at all, and what a disk can refuse."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mamebert.errors import UserError


def partial(folder: Path) -> Path:
    """Return the name under which a folder is written until it is whole."""
    return folder.with_name(folder.name + ".partial")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside its name first, on disk, then renamed."""
    beside = path.with_name(path.name + ".tmp")
    with disk_errors(path), beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk: a rename is certain only then."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden folder into a UserError; what was written stays."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        number = _error_number(error)
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full, writing {path}. Free some space and start the same command again: it goes on."
            ) from error
        if number in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise UserError(f"{path} cannot be written (no permission). Choose another output folder.") from error
        if number == errno.EIO:
            raise UserError(
                f"The disk failed, writing {path}. Check the disk and start the same command again: it goes on."
            ) from error
        raise


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
