import pytest

from mamebert.evaluation.metrics import accuracy, macro_f1, mean_and_spread

EXPECTED = ["a", "a", "a", "a", "b", "c"]
PREDICTED = ["a", "a", "a", "b", "b", "a"]


def test_accuracy_is_the_share_of_right_answers():
    assert accuracy(EXPECTED, PREDICTED) == pytest.approx(4 / 6)


def test_macro_f1_weighs_every_class_alike():
    assert macro_f1(EXPECTED, PREDICTED) == pytest.approx((3 / 4 + 2 / 3 + 0) / 3)


def test_spread_is_the_sample_standard_deviation():
    assert mean_and_spread([0.70, 0.72, 0.74]) == pytest.approx((0.72, 0.02, 3))
    assert mean_and_spread([0.7]) == (0.7, 0.0, 1)
