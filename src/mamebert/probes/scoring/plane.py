"""Vectors in two dimensions, and which lie nearest to each other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.errors import UserError
from mamebert.tasks.data.vector_answers import unit

Vectors = npt.NDArray[np.float32]


class Plane(NamedTuple):
    """The two directions in which vectors differ most (principal components; Pearson, 1901)."""

    places: npt.NDArray[np.float64]
    """[vectors, 2]: where each lies along the first and along the second; their mean lies at 0, 0."""
    shares: npt.NDArray[np.float64]
    """[2]: the share of all variance that each direction has."""


def principal_plane(vectors: Vectors) -> Plane | None:
    """Return the plane of [vectors, width] of two dimensions or more; None where all vectors are the same.

    Directions point where the vector that is furthest from the middle lies, so that the same vectors give the same
    picture on every machine.
    """
    centred = (vectors - vectors.mean(0)).astype(np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    if not sizes.size or sizes[0] <= 1e-6 * max(1.0, float(np.abs(vectors).max())):
        return None
    places = np.zeros((len(vectors), 2))
    shares = np.zeros(2)
    for number, size in enumerate(sizes[:2]):
        along = left[:, number] * size
        places[:, number] = along * (1 if along[np.abs(along).argmax()] >= 0 else -1)
        shares[number] = size**2 / (sizes**2).sum()
    return Plane(places, shares)


def cosines_of_all(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Return the cosine of any two, their mean taken away first: [vectors, vectors], -inf of each with itself.

    Vectors of an encoder share one large direction, which would make all of them alike (Ethayarajh, 2019).
    """
    directions = unit(vectors - vectors.mean(0))
    found: npt.NDArray[np.float64] = directions @ directions.T
    np.fill_diagonal(found, -np.inf)
    return found


def lie_of_texts(vectors: npt.NDArray[np.float32], labels: Sequence[str]) -> dict[str, float]:
    """Return how vectors [texts, width] lie: what a plane shows of their variance, their mean cosine.

    With labels also how often the nearest text has a text's label. Vectors that are all equal are a UserError.
    """
    plane = principal_plane(vectors)
    if plane is None:
        raise UserError("All texts have the same vector, so that there is nothing to draw. Give texts that differ.")
    directions = unit(vectors)
    middle, most = directions.astype(np.float64).sum(0), len(vectors)
    figures = {
        "in_two_directions": float(plane.shares.sum()),
        "mean_cosine": float((middle @ middle - most) / (most * (most - 1))),
    }
    if labels:
        near = cosines_of_all(vectors).argmax(1)
        same = np.mean([labels[n] == label for n, label in zip(near, labels, strict=True)])
        figures = {"nearest_has_its_label": float(same), "by_chance": same_by_chance(labels), **figures}
    return {name: round(value, 6) for name, value in figures.items()}


def same_by_chance(labels: Sequence[str]) -> float:
    """Return how often any other text has the label of a text."""
    _, counts = np.unique(labels, return_counts=True)
    return float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1)))
