import itertools

import pytest

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.training.schedules import share_of_peak
from mamebert.training.settings import Training

SCHEDULES = ["linear", "cosine", "warmup_stable_decay"]


def rates(total=200, beyond=0, **settings):
    training = Training(steps=total, **settings)
    return [share_of_peak(step, total, training) for step in range(total + 1 + beyond)]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_rises_to_the_peak_and_never_again(schedule):
    found = rates(schedule=schedule, warmup_rate=0.1)
    rise, fall = found[:20], found[19:]
    assert rise == [pytest.approx((step + 1) / 20) for step in range(20)]
    assert max(found) == 1.0
    assert fall == sorted(fall, reverse=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_ends_at_zero_and_stays_there(schedule):
    found = rates(schedule=schedule, beyond=5)
    assert found[200:] == [0.0] * 6
    assert min(found[:200]) > 0.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_has_no_jump(schedule):
    found = rates(2000, schedule=schedule, warmup_rate=0.1, decay_rate=0.5)
    # The steepest place is where 1 - sqrt begins: sqrt(1 / 1000 steps) in the first.
    assert max(abs(a - b) for a, b in itertools.pairwise(found)) <= 0.032


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_training_without_warmup_starts_at_the_peak(schedule):
    assert rates(10, schedule=schedule, warmup_rate=0.0)[0] == 1.0


def test_half_of_the_way_down_linear_and_cosine_meet():
    linear, cosine = (rates(schedule=each, warmup_rate=0.0) for each in ("linear", "cosine"))
    assert linear[100] == pytest.approx(cosine[100]) == pytest.approx(0.5)
    assert all(a < b for a, b in zip(linear[1:100], cosine[1:100], strict=True))


def test_a_stable_rate_falls_in_its_last_part_only_and_faster_at_first():
    found = rates(schedule="warmup_stable_decay", warmup_rate=0.1, decay_rate=0.25)
    assert found[20:151] == [1.0] * 131
    assert found[151] < 1.0
    assert found[175] == pytest.approx(1 - 0.5**0.5)


def test_a_fall_longer_than_what_the_warmup_leaves_is_a_sentence():
    with pytest.raises(UserError, match="sum is at most 1"):
        build(Training, {"steps": 3, "schedule": "warmup_stable_decay", "warmup_rate": 0.5, "decay_rate": 0.6})
