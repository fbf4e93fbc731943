"""Scores that were kept, so that what was asked is not asked again."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mamebert.files.json_files import parse


def kept_scores(file: Path, *shape: int) -> npt.NDArray[np.float64] | None:
    """Return the numbers of a JSON file; None where there is none, or not as many of them."""
    try:
        found = np.array(parse(file.read_bytes(), whole=False), np.float64)
    except (OSError, ValueError, TypeError):
        return None
    return found if found.shape == shape else None
