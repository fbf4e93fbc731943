"""Training, validation and test rows: drawn so that every class keeps its share."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.errors import UserError

Rows = npt.NDArray[np.int64]
NOTHING = 1e-6  # a smaller share is what rounding leaves of 0


class Split(NamedTuple):
    """Row numbers of each part, rising; every row is in exactly one part."""

    train: Rows
    valid: Rows
    test: Rows


def stratified_split(
    labels: Sequence[Hashable], rates: tuple[float, float, float] = (0.8, 0.1, 0.1), seed: int = 0
) -> Split:
    """Return which rows train, validate and test, the same for the same labels, rates and seed.

    Within each class the parts have the sizes of `part_sizes`. On Livedoor's 7,367 articles with 10/10/80 this
    gives the paper's Table 1: 736 / 736, and 5,895 to test (the paper has 5,904, since it counted the
    licence file of each of the nine folders as an article).

    Rates that do not sum to 1, fewer than two classes and a class without training rows are UserErrors.
    """
    if min(rates) < 0 or abs(sum(rates) - 1) > NOTHING:
        raise UserError(f"The parts {rates} do not sum to 1. Give three shares such as 0.8, 0.1, 0.1.")
    rng = np.random.default_rng(seed)
    parts: list[list[Rows]] = [[], [], []]
    rows_of: dict[Hashable, list[int]] = {}
    for row, label in enumerate(labels):
        rows_of.setdefault(label, []).append(row)
    for label in sorted(rows_of, key=str):  # so that the order of the rows does not decide which class draws first
        rows = rng.permutation(np.array(rows_of[label], dtype=np.int64))
        num_train, num_valid, _ = part_sizes(len(rows), rates)
        for part, chosen in zip(parts, np.split(rows, [num_train, num_train + num_valid]), strict=True):
            part.append(chosen)
    train, valid, test = (np.sort(np.concatenate([np.empty(0, np.int64), *part])) for part in parts)
    require_learnable([labels[row] for row in train], labels)
    return Split(train=train, valid=valid, test=test)


def part_sizes(num_rows: int, rates: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return how many rows train, validate and test; together they are all rows.

    Training and validation take their rate, rounded to the nearest number, and the test part what is left. Where
    there is no test part, training takes what validation leaves.
    """
    num_valid = round(num_rows * rates[1])
    if rates[2] < NOTHING:
        return num_rows - num_valid, num_valid, 0
    num_train = round(num_rows * rates[0])
    num_valid = min(num_valid, num_rows - num_train)
    return num_train, num_valid, num_rows - num_train - num_valid


def require_learnable(train_labels: Sequence[Hashable], all_labels: Sequence[Hashable]) -> None:
    """Raise a UserError where nothing can be told apart: one class only, or a class without training rows."""
    classes = sorted(set(all_labels), key=str)
    if len(classes) < 2:
        found = f"all rows are {classes[0]!r}" if classes else "there are no rows"
        raise UserError(f"Classification needs two classes, and {found}. Give rows of at least one more class.")
    learnt = set(train_labels)
    missing = [label for label in classes if label not in learnt]
    if missing:
        named = ", ".join(repr(label) for label in missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise UserError(
            f"No training row belongs to the class {named}, so it cannot be learnt. "
            "Give more rows of it, a larger training share, or leave the class out."
        )
