"""The meaning of a table's cell: a text, a label, or nothing at all."""

import ast
import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from math import isfinite, isnan
from numbers import Number
from typing import Any

import numpy as np

from mamebert.corpus.cleaning import CONTROL
from mamebert.errors import UserError
from mamebert.tasks.data.features import Unusable

ALONE = (str, Number, date, time, timedelta)
"""What one word can say; everything else (lists, objects, bytes) is no text and no label."""
FRACTIONS = (float, np.floating, Decimal)
MAX_SHOWN = 60
# pandas and NumPy print lists so; brackets around anything else may be part of a text.
ITEM = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?|[Tt]rue|[Ff]alse)"""
WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.0+")
JOINERS = " \t\r\n\u00a0\u3000\u200c\u200d\ufe0e\ufe0f"
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_NUMBER = r"-?[0-9]+\.?[0-9]*"
SEVERAL = re.compile(rf"[{{(]\s*{_QUOTED}\s*(?:,\s*{_QUOTED}\s*)*,?\s*[)}}]")
ARRAY = re.compile(rf"\[\s*{_NUMBER}(?:\s+{_NUMBER})+\s*\]")
LIST = re.compile(rf"\[\s*(?:{ITEM}\s*(?:,\s*{ITEM}\s*)*,?\s*)?\]")


def is_missing(value: Any) -> bool:
    """Tell whether a cell is empty: null, NaN (what pandas writes for nothing), or a text without a character."""
    if isinstance(value, str):
        return not value
    if isinstance(value, FRACTIONS):
        return isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # pandas' own, which are equal to nothing


def text_cell(value: Any, column: str) -> str:
    """Return the text of a cell, "" for an empty one; a list, an object or bytes are a UserError."""
    if is_missing(value):
        return ""
    if not isinstance(value, ALONE):
        raise UserError(
            f"The column {column!r} holds {_shown(value)}, which is no text. "
            "Name a column of texts in the task's settings, or join the items to one text."
        )
    return str(value)


def label_cell(value: Any, column: str, what: str = "label") -> str:
    """Return the label of a cell; `Unusable` where it is empty, a UserError where it is a list or an object."""
    if is_missing(value):
        raise Unusable(f"no {what}")
    if not isinstance(value, ALONE):
        raise UserError(
            f"The column {column!r} holds {_shown(value)}, which is no single {what}. "
            'Name the column that holds one, or set task.kind = "multi_label" where a row may have several.'
        )
    label = as_label(value)
    if not label:
        raise Unusable(f"no {what}")
    return label


def as_label(value: Any) -> str:
    """Return a label's one spelling: single blanks, no invisible marks, accents joined (NFC), 1.0 as 1.

    "1 " and "1" look the same to everyone but a computer, and so do é in one and in two characters, and a byte order
    mark is not seen at all. Whole numbers become 1.0 in tables in which another cell of the column is empty.
    """
    if isinstance(value, FRACTIONS) and isfinite(value) and value % 1 == 0:
        value = int(value)
    text = " ".join(CONTROL.sub("", str(value)).split())
    return unicodedata.normalize("NFC", text)


def looks_like(label: str) -> str:
    """Return what labels share that are different only by case, by the width of letters, or as 1.0 is from 1."""
    text = unicodedata.normalize("NFKC", label).casefold()
    return text.partition(".")[0] if WHOLE.fullmatch(text) else text


def says_something(text: str) -> bool:
    """Tell whether a text has a character to be seen; blanks, joiners and other invisible marks are none."""
    return bool(text.strip()) and bool(CONTROL.sub("", text).strip(JOINERS).strip())


def says_yes(value: Any) -> bool:
    """Tell whether a cell is true; in a table of text "False", "no" and 0 are texts."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "0.0", "false", "no", "n", "f")
    return not is_missing(value) and bool(value)


def list_in_text(text: str) -> list[Any] | None:
    """Return the list that a text spells as JSON or Python do, ["a", "b"] or ['a', 'b']; None where it spells none.

    Sets and tuples of quoted items, {'a', 'b'}, are lists too, and so are arrays as NumPy prints them: [0 1 1].
    """
    stripped = text.strip()
    if SEVERAL.fullmatch(stripped) or ARRAY.fullmatch(stripped):
        return [ast.literal_eval(item) for item in re.findall(ITEM, stripped[1:-1])]
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return None
    try:
        found = json.loads(stripped)
        return found if isinstance(found, list) else None
    except (ValueError, RecursionError):
        return list(ast.literal_eval(stripped)) if LIST.fullmatch(stripped) and "true" not in stripped else None


def items_of(value: Any) -> Sequence[Any] | None:
    """Return the items of a list, a tuple, an array or a text that spells a list; None for anything else."""
    if isinstance(value, str):
        return list_in_text(value)
    if hasattr(value, "tolist") and not isinstance(value, ALONE):
        value = value.tolist()
    return value if isinstance(value, Sequence) and not isinstance(value, bytes) else None


def given(item: Any) -> list[Any]:
    """Return what a caller asks in place of a row as a list: a text alone, nothing as None, the items of a list.

    Anything else is a UserError.
    """
    if isinstance(item, str):
        return [item]
    if is_missing(item):
        return [None]
    if not isinstance(item, list | tuple):
        raise no_text(item)
    return [each if isinstance(each, str) or not is_missing(each) else None for each in item]


def no_text(item: Any) -> UserError:
    """Return the error for what was asked and is no text."""
    return UserError(f"{str(item)[:MAX_SHOWN]!r} is not a text. Give texts, lists of texts, or rows as dictionaries.")


def _shown(value: Any) -> str:
    kind = {"dict": "the object", "bytes": "the bytes"}.get(type(value).__name__, f"the {type(value).__name__}")
    told = " ".join(repr(value).split())
    return f"{kind} {told if len(told) <= MAX_SHOWN else told[:MAX_SHOWN] + ' …'}"
