"""JSON that anybody may have written, read with care: what is wrong with a file is said in one sentence.

Nothing here is believed: not that a path is a file, nor its size, its encoding, or what stands inside.
"""

import json
import math
import stat
from pathlib import Path
from typing import Any

from mamebert.errors import UserError

MOST_BYTES = 64 * 2**20
"""The largest files in use are tokenizers of 256,000 pieces, about 35 MB."""
MOST_GROUPS = 4_000_000
"""Lists and objects in one file: an empty one takes 90 bytes of memory for three in the file."""
MOST_LEVELS = 64
"""Lists and objects within one another; code that walks through them may then call itself for each."""


def read_object(path: Path, way_out: str, most_bytes: int = MOST_BYTES, finite: bool = True) -> dict[str, Any]:
    """Return the JSON object in a file; anything else in it is a UserError, as in `read_value`."""
    value = read_value(path, way_out, most_bytes, finite)
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged (a JSON object is expected, and this is a {_kind(value)}). {way_out}")
    return value


def read_own(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file that a stage has put aside for when it goes on; a damaged one is a UserError."""
    return read_object(path, f"Delete {path.name} and start again: what it tells is done again.", finite=False)


def read_value(path: Path, way_out: str, most_bytes: int = MOST_BYTES, finite: bool = True, whole: bool = True) -> Any:
    """Return what a JSON file holds; a UserError names what is wrong and gives `way_out`.

    With `finite` NaN and infinite numbers are wrong too, which are no JSON and which few settings can mean; with
    `whole`, texts with half a character, which cannot be printed.
    A file that is not there is a FileNotFoundError.
    """
    try:
        return parse(read_bytes(path, most_bytes), finite, whole)
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}). {way_out}") from error


def parse(raw: bytes, finite: bool = True, whole: bool = True) -> Any:
    """Return what is in these bytes of JSON; a ValueError says what is wrong."""
    if raw.count(b"[") + raw.count(b"{") > MOST_GROUPS:
        raise ValueError(f"more than {MOST_GROUPS:,} lists and objects")
    checks: dict[str, Any] = {"parse_constant": _refuse, "parse_float": _finite} if finite else {}
    try:
        value = json.loads(raw.decode("utf-8"), **checks)
    except RecursionError:
        raise ValueError(f"lists and objects more than {MOST_LEVELS} deep") from None
    _require_shallow(value)
    if whole:
        _require_characters(raw, value)
    return value


def read_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Return what is in an ordinary file of at most so many bytes; anything else there is a ValueError."""
    require_ordinary(path, most_bytes)
    try:
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
    except OSError as error:  # a file of /proc can be opened and not read
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(raw) > most_bytes:
        raise ValueError(f"larger than {most_bytes:,} bytes")
    return raw


def require_ordinary(path: Path, most_bytes: int | None = None) -> None:
    """Raise a ValueError for a pipe, a device or a folder, all of which opening or reading could wait at for ever.

    So it is for a file of more than `most_bytes`, or one that may not be read.
    """
    try:
        about = path.stat()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # a loop of links, a name with a NUL
        raise ValueError(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("no ordinary file")
    if most_bytes is not None and about.st_size > most_bytes:
        raise ValueError(f"{about.st_size:,} bytes, where {most_bytes:,} are the most")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"cannot be opened: {error.strerror}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} stands for a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _kind(value: object) -> str:
    return {list: "list", str: "text", bool: "truth value", type(None): "null"}.get(type(value), "number")


def _require_shallow(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_LEVELS):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for group in inside for each in group if isinstance(each, dict | list)]
        if not level:
            return
    raise ValueError(f"lists and objects more than {MOST_LEVELS} deep")


def _require_characters(raw: bytes, value: Any) -> None:
    # Half a character, which only an escape can write, could never be printed.
    if b"\\ud" in raw.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half a character stands alone in a text") from None
