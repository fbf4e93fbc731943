import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import label_ranking_average_precision_score

from mamebert.evaluation.metrics.ranking import mrr, partner_ranks, recall_at

RANKINGS = [["a", "b", "c"], ["b", "c", "a"], ["c", "b", "a"]]


def test_recall_is_the_share_of_right_answers_among_the_first():
    relevant = [{"a"}, {"a", "b"}, {"d"}]
    assert [recall_at(k, relevant, RANKINGS).score for k in (1, 3)] == pytest.approx([(1 + 0.5 + 0) / 3, 2 / 3])
    assert recall_at(10, relevant, RANKINGS).name == "recall@10"


def test_the_reciprocal_rank_is_that_of_the_first_right_answer():
    assert mrr([{"a"}, {"c", "a"}, {"d"}], RANKINGS).score == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_with_one_right_answer_it_is_the_average_precision():
    rng = np.random.default_rng(0)
    scores, right = rng.random((20, 7)), rng.integers(0, 7, 20)
    found = mrr([{row} for row in right.tolist()], np.argsort(-scores, axis=1).tolist()).score
    assert found == pytest.approx(label_ranking_average_precision_score(np.eye(7)[right], scores))


def test_a_row_without_a_right_answer_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        recall_at(1, [set()], [["a"]])


def test_partners_are_ranked_among_those_of_all_rows():
    first = np.eye(3)
    second = np.array([[0.6, 0.8, 0], [0.8, 0.6, 0], [0, 0, 1.0]])
    assert partner_ranks(first, second, "abc") == [2, 2, 1]
    assert partner_ranks(csr_matrix(first), csr_matrix(second), "abc", at_once=2) == [2, 2, 1]


def test_what_is_as_near_as_the_partner_stands_before_it_unless_it_is_the_same_text():
    alike = np.ones((4, 1))
    assert partner_ranks(alike, alike, "abcd") == [4, 4, 4, 4]
    assert partner_ranks(alike, alike, "aabb") == [3, 3, 3, 3]
    assert partner_ranks(np.ones((0, 2)), np.ones((0, 2)), "") == []
