import pytest

from mamebert.probes.scoring.intervals import share_plus_minus


def test_half_of_an_interval_is_wilsons():
    # The interval of 5 in 5 goes from 0.5655 to 1, that of 50 in 100 from 0.4038 to 0.5962.
    assert share_plus_minus(1.0, 5) == pytest.approx((1 - 0.5655) / 2, abs=1e-4)
    assert share_plus_minus(0.5, 100) == pytest.approx((0.5962 - 0.4038) / 2, abs=1e-4)
    assert share_plus_minus(0.0, 5) == share_plus_minus(1.0, 5)
