"""Vectors in two dimensions, and which lie nearest to each other."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
