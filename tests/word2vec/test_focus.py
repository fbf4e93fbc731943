"""New tokens as mixtures of those that stand in the same company."""

import numpy as np
import pytest

from mamebert.word2vec.focus import mixtures
from mamebert.word2vec.sparsemax import sparsemax
from mamebert.word2vec.table import VectorTable


def nearest_weights(scores):
    """Sparsemax as it is defined: the point of the simplex that is nearest, by going through all supports."""
    best = None
    for mask in range(1, 2 ** len(scores)):
        chosen = [k for k in range(len(scores)) if mask >> k & 1]
        point = np.zeros(len(scores))
        point[chosen] = scores[chosen] - (scores[chosen].sum() - 1) / len(chosen)
        if (point >= 0).all() and (best is None or np.square(point - scores).sum() < np.square(best - scores).sum()):
            best = point
    return best


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    scores = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    found = sparsemax(scores)
    np.testing.assert_allclose(found, [nearest_weights(each) for each in scores], atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("scores", "weights"),
    [([1.0, 1.0], [0.5, 0.5]), ([3.0, 0.0], [1.0, 0.0]), ([0.8, 0.6, -1.0], [0.6, 0.4, 0.0]), ([-5.0], [1.0])],
)
def test_sparsemax_of_scores_that_can_be_reckoned_by_hand(scores, weights):
    np.testing.assert_allclose(sparsemax(np.array([scores], np.float32))[0], weights, atol=1e-6)


def table(vectors, learnt):
    size = len(vectors)
    rows = np.array(vectors, np.float32)
    return VectorTable(rows, np.array(learnt), np.ones(size, np.int64), [f"t{n}" for n in range(size)], "")


def test_a_new_token_is_a_mixture_of_the_shared_ones_weighted_by_cosine_and_not_by_length():
    found = mixtures(table([[1, 0], [0, 7], [-1, 0], [3, 3]], [True] * 4), shared=[0, 1, 2], wanted=[3])
    ids, weights = found[3]
    assert ids == [0, 1]  # the opposite one counts for nothing
    np.testing.assert_allclose(weights, [0.5, 0.5], atol=1e-6)


def test_vectors_that_were_not_learnt_play_no_part():
    vectors = [[1, 0], [0, 1], [1, 1], [1, 1]]
    assert mixtures(table(vectors, [True, False, True, False]), [0, 1], [2, 3]) == {2: ([0], [1.0])}
    assert mixtures(table(vectors, [False] * 4), [0, 1], [2, 3]) == {}
