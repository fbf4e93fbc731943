from dataclasses import replace

import numpy as np
import pytest

from mamebert.errors import UserError
from mamebert.files.checksums import SUMS
from mamebert.word2vec.document_vectors import document_vectors, frequency_weighted, weighted_rows
from mamebert.word2vec.table import VectorTable

TOKENS = ["[PAD]", "[UNK]", "de", "madra", "capall", "tostach"]


@pytest.fixture
def table():
    rng = np.random.default_rng(2)
    return VectorTable(
        vectors=rng.normal(1, 1, (len(TOKENS), 4)).astype(np.float32),
        learnt=np.array([False, False, True, True, True, False]),
        counts=np.array([0, 0, 900, 60, 40, 0]),
        tokens=TOKENS,
        vocabulary_sha256="",
    )


def weighted(table):
    return replace(table, weights=np.array([0, 0, 0.1, 2, 3, 0], np.float32))


def test_a_document_is_the_weighted_sum_of_its_words_at_length_1(table):
    [found] = document_vectors(weighted(table), [np.array([3, 2, 2, 4])])
    expected = 2 * table.vectors[3] + 0.2 * table.vectors[2] + 3 * table.vectors[4]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-5)


def test_repeated_words_may_count_by_the_logarithm(table):
    [found] = document_vectors(weighted(table), [np.array([3, 4, 4, 4])], sublinear=True)
    expected = 2 * table.vectors[3] + 3 * (1 + np.log(3)) * table.vectors[4]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_document_does_not_depend_on_those_beside_it(table):
    documents = [np.array([3, 2]), np.array([], np.int64), np.array([4])]
    together = document_vectors(weighted(table), documents)
    alone = np.concatenate([document_vectors(weighted(table), [each]) for each in documents])
    np.testing.assert_array_equal(together, alone)
    assert not together[1].any()


def test_without_learnt_weights_frequent_words_count_less_and_unlearnt_ones_not_at_all(table):
    told = frequency_weighted(table)
    assert told.weights is not None
    assert told.weights[2] < told.weights[3] < told.weights[4]
    assert not told.weights[~table.learnt].any()
    np.testing.assert_allclose(np.linalg.norm(told.vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(weighted_rows(table), weighted_rows(told))


def test_weights_are_saved_with_the_vectors_and_a_table_without_any_has_none(table, tmp_path):
    weighted(table).save(tmp_path)
    np.testing.assert_array_equal(VectorTable.open(tmp_path).weights, weighted(table).weights)
    table.save(tmp_path)
    assert VectorTable.open(tmp_path).weights is None


def test_weights_that_are_none_are_a_sentence(table, tmp_path):
    replace(table, weights=np.full(len(TOKENS), -1, np.float32)).save(tmp_path)
    (tmp_path / SUMS).unlink()
    with pytest.raises(UserError, match="not a weight of 0 or more for each"):
        VectorTable.open(tmp_path)
