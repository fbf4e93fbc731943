"""Numbers as columns of a table hold them."""

from math import isfinite

from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.tasks import gold_of
from mamebert.tasks._features import Unusable


def number_of(row: Row, column: str) -> float:
    """Return the number in a column; what is no number is a UserError, none or an endless one is `Unusable`."""
    value = gold_of(row, column, "number")
    try:
        number = float(value.strip() if isinstance(value, str) else value)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"The column {column!r} holds {str(value)[:40]!r}, which is no number. "
            "Name another column, or mend the row."
        ) from error
    if not isfinite(number):
        raise Unusable("a number that is not finite")
    return number
