"""The `tokenizers` library, whose complaints are sentences here: it raises bare exceptions, and panics.

A panic of its Rust code is a BaseException, which no `except Exception` catches, and is reported on standard error.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import thread_time
from typing import Any

from tokenizers import Tokenizer as RustTokenizer

from mamebert.errors import UserError
from mamebert.tokenizer.files import WAY_OUT
from mamebert.tokenizer.foreign.description import check_description, expressions
from mamebert.tokenizer.marked_words import rules_of_marked_words
from mamebert.tokenizer.normalising import rules_of_words

MOST_SECONDS = 0.5
"""Processor time for a probe of at most 1,600 characters; tokenizers in use take 0.001 to 0.016."""
LENGTHS = (50, 100, 200, 400, 800, 1600)
LONG, NUM_LONG = 25_600, 3
"""Characters of a last probe, where quadratic time shows, and how many units, the slowest, it is made of."""
MOST_GROWTH, LONG_SECONDS = 8, 10.0
"""How many times as long as its quarter the last probe may take (in linear time 4, in quadratic time 16), and seconds.

Growth is the same on every processor, whereas linear patterns over large classes take 0.25 seconds on a slow one.
"""
OURS = {
    *expressions(rules_of_words("none", split_cjk=False, strip_accents=False, lowercase=False)),
    *(
        each
        for mark in ("▁", "Ġ", "")
        for each in expressions(rules_of_marked_words("none", False, False, mark, False))
    ),
}
"""Patterns that `mamebert vocab` writes: linear, and not tried out, which takes half a second."""
# One of each kind of character, in which patterns differ.
UNITS = "aAé1 \n\t._-'漢あก한"


@contextmanager
def complaints_told(what: str) -> Iterator[None]:
    """Turn what the library raises, panics included, into a UserError about `what`."""
    try:
        yield
    except UserError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise  # Ctrl-C, say
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{what} ({reason}). {WAY_OUT}") from error


def open_rust(path: Path, description: dict[str, Any]) -> RustTokenizer:
    """Return what `tokenizer.json` describes; a UserError where it cannot be built, or is no use on plain texts."""
    check_description(description, path)
    with complaints_told(f"{path} is damaged"), silence():
        rust = RustTokenizer.from_file(str(path))
        rust.no_truncation()
        rust.no_padding()
        found = [pattern for pattern in expressions(description) if pattern not in OURS]
        if found or "Precompiled" in str(description.get("normalizer")):
            _try_out(rust, path, found)
    return rust


def _try_out(rust: RustTokenizer, path: Path, found: list[str]) -> None:
    """Ask for texts that a bad table stumbles over, and a bad pattern takes too long for.

    The library gives up a search after ten million steps, but counts them anew at every character.
    """
    rust.encode("".join(map(chr, range(0x20, 0xD800, 29))))
    letters = "".join(found)
    units = [*UNITS, *sorted({*letters})[:64], "".join(filter(str.isalnum, letters))[:16]]
    # Where a letter of the pattern is nowhere in the text, the search does not even begin.
    tail = f"! {letters[:64]}"
    seconds = {}
    for length in LENGTHS:
        for unit in filter(None, units):
            seconds[unit] = _require_quick(rust, path, unit, length, tail)
    if not found:
        return
    # Something else may have taken the processor in one probe, and put other units before the slow one.
    again = {unit: _seconds(rust, unit, LENGTHS[-1], tail) for unit in _slowest(seconds, 4 * NUM_LONG)}
    for unit in _slowest({unit: min(seconds[unit], again[unit]) for unit in again}, NUM_LONG):
        _require_linear(rust, path, unit, tail)


def _slowest(seconds: dict[str, float], number: int) -> list[str]:
    return sorted(seconds, key=seconds.__getitem__)[-number:]


def _require_quick(rust: RustTokenizer, path: Path, unit: str, length: int, tail: str) -> float:
    """Return the seconds of processor time that a text of so many characters takes; too many are a UserError."""
    seconds = _seconds(rust, unit, length, tail)
    if seconds > MOST_SECONDS:
        raise _too_slow(path, seconds, length)
    return seconds


def _require_linear(rust: RustTokenizer, path: Path, unit: str, tail: str) -> None:
    """Raise a UserError where a long text takes far more than its share of a shorter one."""
    seconds = _seconds(rust, unit, LONG, tail)
    if seconds <= MOST_SECONDS / 2:
        return
    if seconds > LONG_SECONDS or seconds > MOST_GROWTH * _seconds(rust, unit, LONG // 4, tail):
        raise _too_slow(path, seconds, LONG)


def _seconds(rust: RustTokenizer, unit: str, length: int, tail: str) -> float:
    began = thread_time()
    rust.encode(unit * (length // len(unit)) + tail)
    return thread_time() - began


def _too_slow(path: Path, seconds: float, length: int) -> UserError:
    return UserError(
        f"{path} cannot be used: a pattern in it takes {seconds:.1f} seconds for {length} characters. {WAY_OUT}"
    )


@contextmanager
def silence() -> Iterator[None]:
    """Keep what compiled code prints by itself from standard output, where answers go, and from standard error.

    A panic is reported in pages of addresses, and a setting that is not known in a line among the answers.
    """
    try:
        kept, nowhere = {number: os.dup(number) for number in (1, 2)}, os.open(os.devnull, os.O_WRONLY)
    except OSError:  # one of them is closed
        yield
        return
    try:
        for number in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)
