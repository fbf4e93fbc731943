"""Columns of Arrow and arrays of numpy, one as the other without a copy.

Arrow's own ways, `array` and `to_numpy`, import pandas, which takes half a second.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mamebert.errors import UserError

MOST_BYTES = 2**31 - 2
"""Of the texts of a column: Arrow has four bytes for a place in it."""


def column_of(values: npt.NDArray[Any]) -> Any:
    """Return an array as a column: [values]."""
    held = np.packbits(values, bitorder="little") if values.dtype == bool else values
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(held)], 0)


def lists_of_texts(lists: Sequence[Sequence[str]]) -> Any:
    """Return lists of texts as a column: [lists], of at most 2 GB."""
    texts = [text.encode() for texts in lists for text in texts]
    ends = np.cumsum([0, *map(len, texts)])
    if ends[-1] > MOST_BYTES:
        raise UserError(f"{ends[-1] / 1e9:.1f} GB of text do not fit into one shard. Set a lower shard_characters.")
    parts = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(texts))]
    column = pa.Array.from_buffers(pa.string(), len(texts), parts, 0)
    return pa.ListArray.from_arrays(column_of(np.cumsum([0, *map(len, lists)]).astype(np.int32)), column)


def values_of(column: Any, kind: Any) -> npt.NDArray[Any]:
    """Return what lies in a column's memory as numbers of a `kind`; more may stand behind the last of its values."""
    buffer = column.buffers()[1]
    return np.frombuffer(buffer, kind) if buffer else np.empty(0, kind)
