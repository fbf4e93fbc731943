"""Scores that were kept, so that what was asked is not asked again."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mamebert.files.disk import write_text
from mamebert.files.json_files import parse

Scores = npt.NDArray[np.float64]


def kept_or_asked(file: Path, shape: tuple[int, ...], ask: Callable[[], Scores]) -> Scores:
    """Return the numbers of a JSON file; where there is none, or not as many of them, those that `ask` gives.

    These are in the file then.
    """
    found = _kept(file)
    if found is None or found.shape != shape:
        found = ask()
        write_text(file, json.dumps(found.tolist()))
    return found


def _kept(file: Path) -> Scores | None:
    try:
        return np.array(parse(file.read_bytes(), whole=False), np.float64)
    except (OSError, ValueError, TypeError):
        return None
