import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr, spearmanr

from mamebert.evaluation.metrics.regression import great_circle_km, mean_km, median_km, mse, pearson, spearman

NUMBERS = arrays(
    float, st.tuples(st.just(2), st.integers(3, 30)), elements=st.integers(-1000, 1000).map(lambda i: i / 8)
)


@given(NUMBERS)
def test_correlations_are_those_of_scipy(numbers):
    first, second = numbers
    if np.ptp(first) and np.ptp(second):
        assert pearson(first, second).score == pytest.approx(pearsonr(first, second)[0], abs=1e-9)
        assert spearman(first, second).score == pytest.approx(spearmanr(first, second)[0], abs=1e-9)
    else:
        assert pearson(first, second).score == spearman(first, second).score == 0


def test_correlations_do_not_drown_in_a_large_mean():
    x = np.random.default_rng(0).normal(size=(2, 100))
    assert pearson(x[0] + 1e9, x[1] * 1e-9).score == pytest.approx(pearsonr(*x)[0], abs=1e-6)


def test_several_outputs_count_alike():
    expected = np.array([[1, 10], [2, 20], [3, 30]])
    predicted = np.array([[1, 30], [2, 20], [3, 10]])
    assert pearson(expected, predicted).score == pytest.approx(0)
    assert mse(expected, predicted).score == pytest.approx((0 + 800 / 3) / 2)


def test_distances_on_earth_are_those_known():
    tokyo, dublin, north, south = (35.6762, 139.6503), (53.3498, -6.2603), (90, 0), (-90, 77)
    found = great_circle_km([tokyo, north, dublin], [dublin, south, dublin])
    assert found == pytest.approx([9585, np.pi * 6371.0088, 0], rel=0.002)
    assert great_circle_km([(0, 179.5)], [(0, -179.5)]) == pytest.approx([111.195], rel=1e-4)
    assert median_km([north] * 3, [north, north, south]) == 0
    assert mean_km([north] * 2, [north, south]) == pytest.approx(np.pi * 6371.0088 / 2)


def test_every_row_needs_both_numbers():
    with pytest.raises(ValueError, match="as many"):
        mse([1.0], [1.0, 2.0])
