"""Mistakes of users, each one sentence with the way out."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from unicodedata import category

_LONGEST_WORD, _WORD_SHOWN = 1000, 200
"""In characters; paths that people have are shorter than the first."""


class UserError(Exception):
    """A mistake a user can mend: the command line prints it without a traceback and exits with 2."""


class BadSettings(UserError, ValueError):
    """Settings spelt in Python that cannot be; a ValueError too, as pydantic's own is, for programs that catch that."""


class Refusals(UserError):
    """Several mistakes found at once, a line each."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = list(errors)


def not_finite() -> UserError:
    """Return the error for answers of a network that are NaN or infinite, of which nothing can be said."""
    return UserError(
        "The model answers with numbers that are not finite (NaN or infinite): its weights are damaged, or too large. "
        "Download or save its folder again, or train it again with a lower learning rate."
    )


def either(names: Sequence[str]) -> str:
    """Return names as an English list: "a, b or c"."""
    *before, last = names
    return f"{', '.join(before)} or {last}" if before else last


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """Return the error for a `name` that is not among the `known` ones, with the nearest offered."""
    names = sorted(known)
    small = {each.casefold(): each for each in names}
    near = get_close_matches(str(name), names, n=1, cutoff=0.5) or [
        small[each] for each in get_close_matches(str(name).casefold(), small, n=1, cutoff=0.5)
    ]
    choice = f"Choose from: {', '.join(names)}." if names else "There is none at all."
    way_out = f"Did you mean {near[0]!r}?" if near else choice
    return UserError(f"There is no {what} called {name!r}. {way_out}")


def printable(told: str) -> str:
    """Return a message without what a file can put into it: a word of a million letters, orders to the terminal."""
    short = re.sub(rf"\S{{{_LONGEST_WORD},}}", lambda found: f"{found[0][:_WORD_SHOWN]}...", told)
    return "".join(repr(sign)[1:-1] if sign != "\n" and category(sign)[0] == "C" else sign for sign in short)
