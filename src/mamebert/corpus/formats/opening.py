"""Files as streams of text: plain or compressed, with damage told by file and byte."""

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, cast

import pyarrow as pa

from mamebert.corpus.formats.detecting import AUTO, detected
from mamebert.corpus.formats.first_bytes import (
    NUM_BYTES,
    encoding_by_mark,
    other_encodings,
    refuse_another_encoding,
    refuse_what_is_no_text,
)
from mamebert.errors import UserError

Errors = Literal["strict", "replace"]
Hear = Callable[[int], None]
PACKINGS = ("", ".gz", ".bz2", ".xz", ".zst")
DAMAGE = (EOFError, OSError, lzma.LZMAError, zlib.error, pa.ArrowInvalid)


def packing(path: Path) -> str:
    """Return the suffix that says how a file is compressed, "" for a plain one."""
    suffix = path.suffix.lower()
    return suffix if suffix in PACKINGS else ""


def content_suffix(path: Path) -> str:
    """Return the suffix that says what a file holds: ".txt" for "a.txt", "A.TXT" and "a.txt.gz"."""
    return (path.with_suffix("").suffix if packing(path) else path.suffix).lower()


@contextmanager
def open_text(
    path: Path, encoding: str, errors: Errors, newline: str | None = None
) -> Iterator[tuple[TextIO, Callable[[], int]]]:
    """Open a file as text; also give a function that returns how many stored bytes were read so far.

    A byte order mark is dropped; where UTF-8 is expected, one of UTF-16 is believed; "auto" finds the encoding in the
    bytes. What is no text, undecodable bytes and damaged compression become a UserError that names the file and the
    place.
    """
    with _damage_told(path), ExitStack() as stack:
        encoding = detected(path, _unpacked) if encoding == AUTO else encoding
        try:
            first = first_bytes(path)
            written = encoding_by_mark(first, encoding)
            refuse_what_is_no_text(first, path, written)
            refuse_another_encoding(first, path, written, errors)
            stored = stack.enter_context(path.open("rb"))
            raw = stack.enter_context(_unpack(stored, packing(path)))
            text = stack.enter_context(TextIOWrapper(raw, written, errors, newline))
            yield text, stored.tell
        except UnicodeDecodeError as error:
            raise _undecodable(path, encoding, error) from error
        except UnicodeError as error:
            raise UserError(f"{path} is not {encoding} ({error}). Give the encoding setting of this file.") from error
        except FileNotFoundError as error:
            raise UserError(f"There is no file {path}. Check the path.") from error
        except PermissionError as error:
            raise UserError(
                f"{path} may not be read (no permission). Change its permissions or choose another file."
            ) from error


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        if not packing(path):
            raise
        raise UserError(f"{path} is damaged or not {packing(path)[1:]} data ({error}). Get the file again.") from error


@contextmanager
def _unpack(stored: BinaryIO, suffix: str) -> Iterator[BufferedReader]:
    if suffix == ".zst":
        with pa.CompressedInputStream(pa.PythonFile(stored, mode="r"), "zstd") as stream:
            yield stream
        return
    openers: dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    stream = openers[suffix](stored) if suffix else stored
    try:
        yield cast(BufferedReader, stream)
    finally:
        stream.close()


@contextmanager
def _unpacked(path: Path) -> Iterator[BufferedReader]:
    with path.open("rb") as stored, _unpack(stored, packing(path)) as raw:
        yield raw


def encoding_of(path: Path, encoding: str) -> str:
    """Return the encoding that a file is read in, where "auto" was asked for; as asked otherwise."""
    with _damage_told(path):
        return detected(path, _unpacked) if encoding == AUTO else encoding


def _undecodable(path: Path, encoding: str, error: UnicodeDecodeError) -> UserError:
    place = _first_bad_byte(path, encoding)
    inside = " of the unpacked text" if packing(path) else ""
    bad = " ".join(f"{byte:02x}" for byte in error.object[error.start : error.start + 4])
    first = first_bytes(path)
    others = (
        other_encodings(first, place, encoding) if place < len(first) else other_encodings(_bytes_from(path, place), 0)
    )
    way_out = f"It could be {others}: give the one that reads right" if others else "Give the encoding it is in"
    return UserError(
        f"{path} is not {encoding}: bytes {bad} at offset {place}{inside} cannot be decoded. "
        f'{way_out} (encoding = "{others.split(" ")[0] or "cp932"}", say), or errors = "replace" to read them as �.'
    )


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked; none of a pipe or a device."""
    if not path.is_file():  # a pipe cannot be read twice
        return b""
    with _unpacked(path) as raw:
        return raw.read(NUM_BYTES)


def _bytes_from(path: Path, place: int) -> bytes:
    if not path.is_file():
        return b""
    with _unpacked(path) as raw:
        left = place
        while left and (block := raw.read(min(left, 1 << 20))):
            left -= len(block)
        return raw.read(NUM_BYTES)


def _first_bad_byte(path: Path, encoding: str) -> int:
    # The text layer knows offsets only within its own buffer, so the place is looked for once more.
    decoder = codecs.getincrementaldecoder(encoding)()
    before = 0
    with _unpacked(path) as raw:
        while block := raw.read(1 << 20):
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return before - held + error.start
            before += len(block)
        held = len(decoder.getstate()[0])
    return before - held
