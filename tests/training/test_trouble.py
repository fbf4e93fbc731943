import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from mamebert.errors import UserError
from mamebert.training.loop import Losses, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training
from mamebert.training.trouble import Trouble, Watch

SETTINGS = Training(steps=60, peak_lr=0.02, precision="float32")
QUICK = {"spike_window": 5, "back_steps": 10}


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 1))


def batch(number, times=1.0):
    return torch.from_numpy(np.random.default_rng(number).normal(size=(6, 4)).astype(np.float32)) * times


def steps(network, optimizer, watch, data):
    def loss(rows):
        return Losses((network(rows) - rows.sum(1, keepdim=True)).square().mean() + 2, {})

    cut = ([rows] for rows in data)
    yield from train(network, optimizer, cut, loss, SETTINGS, SETTINGS.steps, seed=1, watch=watch)


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def judged(watch, losses, start=1):
    """Let a watch see losses; return the steps that it found wrong."""
    return [step for step, loss in enumerate(losses, start) if watch.judge(step, loss, 1.0)]


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, 1e30, 100.0])
def test_a_bad_step_leaves_every_weight_and_the_optimizer_as_they_were(poison):
    network = small()
    optimizer = make_optimizer(network, SETTINGS)
    watch = Watch(Trouble(remedy="skip", **QUICK))
    data = [batch(n) if n != 8 else batch(n, poison) for n in range(12)]
    before, optimizer_before, troubled = None, None, []
    for step in steps(network, optimizer, watch, data):
        state = [s["exp_avg"].clone() for s in optimizer.state.values()]
        if step.number == 9:
            assert torch.equal(weights(network), before)
            assert all(torch.equal(a, b) for a, b in zip(state, optimizer_before, strict=True))
        else:
            assert before is None or not torch.equal(weights(network), before)
        troubled += [step.number] * bool(step.trouble)
        before, optimizer_before = weights(network), state
    assert troubled == [9]
    assert torch.isfinite(weights(network)).all()


def test_a_finite_loss_with_a_gradient_that_is_none_is_trouble():
    assert Watch(Trouble()).judge(1, 5.0, math.inf)
    assert Watch(Trouble()).judge(1, 5.0, math.nan)


@pytest.mark.parametrize(
    ("losses", "wrong"),
    [
        ([6.0] * 5 + [11.9], []),
        ([6.0] * 5 + [12.1], [6]),
        ([6.0] * 4 + [12.1], []),  # too few to compare with
        ([0.1] * 5 + [1.9], []),  # near zero, twice as much is nothing
        ([0.1] * 5 + [2.1], [6]),
        ([6.0, 5.0, 900.0, 5.0, 6.0, 5.5, 12.0], [7]),  # a median is not moved by one of five
    ],
)
def test_a_spike_is_a_loss_far_above_the_usual(losses, wrong):
    assert judged(Watch(Trouble(**QUICK)), losses) == wrong


def test_what_was_wrong_is_not_usual():
    watch = Watch(Trouble(remedy="skip", **QUICK))
    assert judged(watch, [6.0] * 5 + [100.0] * 20) == list(range(6, 26))
    assert judged(watch, [6.0], start=26) == []


def test_no_spike_is_looked_for_where_the_ratio_is_0():
    assert judged(Watch(Trouble(spike_ratio=0, **{"spike_window": 5})), [6.0] * 5 + [1e9]) == []


def test_stop_ends_with_a_sentence_at_the_first():
    with pytest.raises(UserError, match=r"step 4: the loss is nan.*Lower training\.peak_lr"):
        judged(Watch(Trouble(remedy="stop")), [6.0, 6.0, 6.0, math.nan])


@pytest.mark.parametrize("remedy", ["skip", "roll_back", "lower_lr"])
def test_after_too_much_trouble_it_gives_up(remedy):
    watch = Watch(Trouble(remedy=remedy, most=7))
    with pytest.raises(UserError, match=r"step 8, the 8\. such step: the loss is nan"):
        judged(watch, [math.nan] * 20)


@pytest.mark.parametrize(("remedy", "factor"), [("roll_back", 1.0), ("lower_lr", 0.5)])
def test_broken_weights_come_back_from_at_least_so_many_steps_before(remedy, factor):
    watch = Watch(Trouble(remedy=remedy, **QUICK))
    marked = [step for step in range(35) if watch.mark(step)]
    assert marked == [0, 10, 20, 30]
    assert watch.marks == [20, 30]
    judged(watch, [6.0] * 5 + [math.nan] * 2, start=29)
    assert not watch.weights_are_broken()
    judged(watch, [math.nan], start=36)
    assert watch.weights_are_broken()
    assert watch.go_back_from(36) == 20
    assert (watch.marks, watch.consecutive_steps, watch.lr_factor) == ([20], 0, factor)
    assert watch.mark(40)
    assert watch.marks == [20, 40]
    judged(watch, [math.nan] * 3, start=41)
    assert watch.go_back_from(43) == 20  # those of step 40 may have been broken already
    judged(watch, [math.nan] * 3, start=44)
    assert watch.go_back_from(46) == 20
    assert watch.lr_factor == factor**3


def test_weights_are_not_written_down_amid_trouble():
    watch = Watch(Trouble(**QUICK))
    assert watch.mark(0)
    judged(watch, [math.nan], start=10)
    assert not watch.mark(10)
    assert watch.marks == [0]


@pytest.mark.parametrize("remedy", ["skip", "stop"])
def test_without_a_way_back_nothing_is_written_down(remedy):
    assert not Watch(Trouble(remedy=remedy)).mark(0)


def test_a_lowered_rate_stays_lowered():
    network = small()
    optimizer = make_optimizer(network, SETTINGS)
    usual = [s.lr for s in steps(network, optimizer, Watch(Trouble()), map(batch, range(20)))]
    watch = Watch(Trouble(), lr_factor=0.25)
    assert [s.lr for s in steps(network, optimizer, watch, map(batch, range(20)))] == [0.25 * lr for lr in usual]


@pytest.mark.parametrize("stopped_after", [3, 7, 8, 12, 20])
def test_a_watch_that_is_saved_judges_as_one_that_is_not(stopped_after):
    rng = np.random.default_rng(0)
    losses = [math.nan if rng.random() < 0.2 else float(rng.choice([6.0, 5.5, 50.0])) for _ in range(25)]

    def told(watch, start, end):
        for step in range(start, end):
            yield step, watch.judge(step, losses[step], 1.0), watch.mark(step), watch.lr_factor
            if watch.weights_are_broken():
                yield watch.go_back_from(step)

    settings = Trouble(remedy="lower_lr", spike_window=3, consecutive_steps=2, back_steps=3)
    first = Watch(settings)
    first.mark(0)
    whole = Watch(settings)
    whole.mark(0)
    began = list(told(first, 1, stopped_after))
    second = Watch(settings, **json.loads(json.dumps(first.saved())))
    assert began + list(told(second, stopped_after, 25)) == list(told(whole, 1, 25))
    assert second.saved() == whole.saved()
    assert whole.went_back >= 1
