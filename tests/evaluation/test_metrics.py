import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.evaluation.metrics import (
    accuracy,
    macro_f1,
    mean_and_spread,
    paired_bootstrap,
)

EXPECTED = ["a", "a", "a", "a", "b", "c"]
PREDICTED = ["a", "a", "a", "b", "b", "a"]


def test_accuracy_is_the_share_of_right_answers():
    assert accuracy(EXPECTED, PREDICTED) == pytest.approx(4 / 6)


def test_macro_f1_weighs_every_class_alike():
    assert macro_f1(EXPECTED, PREDICTED) == pytest.approx((3 / 4 + 2 / 3 + 0) / 3)


def test_spread_is_the_sample_standard_deviation():
    assert mean_and_spread([0.70, 0.72, 0.74]) == pytest.approx((0.72, 0.02, 3))
    assert mean_and_spread([0.7]) == (0.7, 0.0, 1)


def test_bootstrap_interval_is_as_wide_as_theory_says():
    first, second = np.zeros(1000, bool), np.zeros(1000, bool)
    first[:500], second[100:640] = True, True
    found = paired_bootstrap(first, second)
    deviation = np.sqrt((0.24 - 0.04**2) / 1000)  # 140 rows won, 100 lost

    assert found.difference == pytest.approx(0.04)
    assert found.interval == pytest.approx((0.04 - 1.96 * deviation, 0.04 + 1.96 * deviation), abs=0.002)
    assert 0.005 < found.p_value < 0.015


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_swapping_the_models_swaps_the_sign(pairs):
    first, second = np.array(pairs).T
    found, swapped = paired_bootstrap(first, second), paired_bootstrap(second, first)

    assert found.difference == pytest.approx(-swapped.difference)
    assert found.interval.low <= found.difference <= found.interval.high
    assert 0 < found.p_value <= 1


def test_equal_models_do_not_differ():
    right = np.arange(50) % 3 == 0
    assert paired_bootstrap(right, right) == (0.0, (0.0, 0.0), 1.0)


def test_models_that_answered_other_rows_are_not_compared():
    with pytest.raises(ValueError, match="same rows"):
        paired_bootstrap([True], [True, False])
