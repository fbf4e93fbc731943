import pytest

from mamebert.evaluation.metrics.spread import mean_and_spread


def test_spread_is_the_sample_standard_deviation():
    assert mean_and_spread([0.70, 0.72, 0.74]) == pytest.approx((0.72, 0.02, 3))
    assert mean_and_spread([0.7]) == (0.7, 0.0, 1)
