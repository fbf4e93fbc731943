"""The cache of compiled kernels, and when a library in it may be loaded.

A library that is loaded is code that runs. So the folder is this user's own and nobody else's to write in, and the name
of the file ends with the hash of what is in it: what another user has planted, or a disk has damaged, is built anew.
"""

import hashlib
import os
import shutil
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from time import time

from mamebert.errors import UserError
from mamebert.files.disk import hash_file, writing
from mamebert.progress import say

LIMIT_SECONDS = 300
"""A compiler that takes longer hangs: the kernels need some ten seconds, on a busy machine a minute."""


class Unavailable(Exception):
    """Why there are no native kernels here."""


def private_folder() -> Path:
    """Make and return the folder for libraries, of mode 0700; one that another user could change is refused."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "mamebert" / "kernels"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for each in (folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
            told = each.lstat()
            if not stat.S_ISDIR(told.st_mode) or not _is_ours(told):
                raise Unavailable(
                    f"{each} is a link or belongs to another user; set XDG_CACHE_HOME to a folder of yours"
                )
            if told.st_mode & 0o022:
                each.chmod(0o700)
    except OSError as error:
        raise Unavailable(f"they cannot be kept in {folder} ({error})") from error
    return folder


def find(folder: Path, name: str) -> Path | None:
    """Return the library `name` if it is there, whole and ours; what is not goes away."""
    for path in sorted(folder.glob(f"{name}-*.so")):
        told = path.lstat()
        sound = stat.S_ISREG(told.st_mode) and _is_ours(told) and not told.st_mode & 0o022
        if sound and path.stem == f"{name}-{hash_file(path)[:32]}":
            return path
        path.unlink(missing_ok=True)
    return None


def build(folder: Path, name: str, command: list[str]) -> Path:
    """Compile a library and return where it is kept, whole or not at all; `command` lacks the name of the output."""
    _clear_away(folder)
    say("Compiling the native kernels for this processor (once, some seconds) ...")
    scratch = folder / f"{name}.{os.getpid()}.tmp"
    try:
        scratch.mkdir(mode=0o700)
        made = scratch / "kernels.so"
        _run([*command, "-o", str(made)])
        path = folder / f"{name}-{hash_file(made)[:32]}.so"
        with writing(path, scratch / "whole") as beside:
            shutil.copyfile(made, beside)
        path.chmod(0o700)  # whatever the umask says, nobody else may write it
    except (OSError, UserError) as error:
        raise Unavailable(f"they cannot be kept in {folder} ({error})") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def ask(command: list[str], seconds: float) -> tuple[int, str, str]:
    """Run a command and return its exit code and what it said; after `seconds` it and all it started are ended."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        process_group=0 if os.name == "posix" else None,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException as error:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Unavailable(f"{command[0]} did not end within {seconds:.0f} seconds") from error
            raise
    return process.returncode, out, err


def _run(command: list[str]) -> None:
    code, _, told = ask(command, LIMIT_SECONDS)
    if code:
        raise Unavailable(f"the compiler {command[0]} failed ({(told.strip().splitlines() or ['no message'])[0]})")


def _clear_away(folder: Path) -> None:
    """Remove what builds left that were killed: no build lasts as long as those are old."""
    for left in folder.glob("*.tmp"):
        with suppress(OSError):
            if time() - left.lstat().st_mtime > 2 * LIMIT_SECONDS:
                shutil.rmtree(left)


def _is_ours(told: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or told.st_uid == os.geteuid()


def key_of(parts: list[str]) -> str:
    """Return a short name for all that decides what a compiler makes."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
