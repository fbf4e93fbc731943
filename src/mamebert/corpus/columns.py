"""Columns of Arrow and arrays of numpy, one as the other without a copy.

Arrow's own ways, `array` and `to_numpy`, import pandas, which takes half a second.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def column_of(values: npt.NDArray[Any]) -> Any:
    """Return an array as a column: [values]."""
    held = np.packbits(values, bitorder="little") if values.dtype == bool else values
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(held)], 0)


def values_of(column: Any, kind: Any) -> npt.NDArray[Any]:
    """Return what lies in a column's memory as numbers of a `kind`; more may stand behind the last of its values."""
    buffer = column.buffers()[1]
    return np.frombuffer(buffer, kind) if buffer else np.empty(0, kind)
