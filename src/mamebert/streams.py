"""The standard streams: text that they cannot hold, places that cannot take it, and none at all."""

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mamebert.errors import UserError

CLOSED_PIPE = 141
"""128 and the number of SIGPIPE: what a shell says of a program whose reader has gone."""


def make_ready() -> None:
    """Let standard output take any text, and let none of the three streams be missing.

    What its encoding has no sign for is spelt as JSON spells it, so that lines of JSON stay that.
    """
    codecs.register_error("as_in_json", _as_in_json)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="as_in_json")
    if sys.stderr is None:  # closed by whoever started us; a file that is opened would take its place
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for as long as the process


@contextmanager
def all_written() -> Iterator[None]:
    """See to it that what was printed is written; a closed pipe ends the program quietly."""
    try:
        yield
    except SystemExit as end:
        if end.code == 1:  # what typer makes of a closed pipe
            _give_up(CLOSED_PIPE)
        raise
    finally:
        _flush()


def _flush() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            _give_up(CLOSED_PIPE)
        _turn_away()
        raise UserError(
            f"Standard output cannot be written ({error.strerror}). See where it leads to, and start again."
        ) from error


def _give_up(code: int) -> None:
    _turn_away()
    sys.exit(code)


def _turn_away() -> None:
    """Let what could not be written go nowhere: Python would try again, and complain, at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.close(nowhere)


def _as_in_json(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    units = signs.encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end
