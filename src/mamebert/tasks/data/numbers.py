"""Numbers as columns of a table hold them."""

import unicodedata
from math import isfinite
from typing import Any

from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.tasks import gold_of
from mamebert.tasks.data.features import Unusable


def number_of(row: Row, column: str) -> float:
    """Return the number in a column; what is no number is a UserError, none or an endless one is `Unusable`."""
    value = gold_of(row, column, "number")
    try:
        number = _read(value)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"The column {column!r} holds {str(value)[:40]!r}, which is no number. "
            "Name another column, or write numbers with a point and without marks for thousands: 1234.5."
        ) from error
    if not isfinite(number):
        raise Unusable("a number that is not finite")
    return number


def _read(value: Any) -> float:
    """Return the number that a cell holds; 1_000 is none, though Python takes it, and neither is "true"."""
    if isinstance(value, bool):
        raise TypeError
    if not isinstance(value, str):
        return float(value)
    text = unicodedata.normalize("NFKC", value).strip().replace("\u2212", "-")
    if "_" in text:
        raise ValueError
    return float(text)
