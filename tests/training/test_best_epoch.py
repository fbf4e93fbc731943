from types import SimpleNamespace

import torch
from torch import nn

from mamebert.training.best_epoch import BestEpoch, best_of, run_epochs


def steps_of(epoch, done):
    return (SimpleNamespace(number=done + each) for each in (1, 2, 3))


def trained(scores, max_steps=0, epochs=range(9)):
    network, seen = nn.Linear(1, 1), []
    best = BestEpoch(network)

    def is_enough(epoch, done):
        seen.append(done)
        nn.init.constant_(network.weight, epoch)
        best.judge(scores[epoch])
        return epoch + 1 == len(scores)

    run_epochs("test", 9, epochs, steps_of, is_enough, describe=lambda step: "", max_steps=max_steps)
    best.restore()
    return network.weight.item(), seen


def test_the_network_ends_as_the_best_epoch_left_it_and_of_equals_the_first():
    assert trained([0.1, 0.7, 0.7, 0.2]) == (1.0, [3, 6, 9, 12])


def test_an_epoch_whose_score_cannot_be_told_is_never_better_than_one_that_has_a_score():
    assert best_of([0.5, 0.7, 0.7, 0.7], [0.1, 0.9, 0.3, 0.3]) == 3
    assert best_of([0.7, 0.7], [float("nan"), 2.0]) == 2
    assert [best_of(s) for s in ([float("nan"), -2.0], [0.5, float("nan")], [float("nan")] * 2)] == [2, 1, 1]


def test_the_last_step_ends_an_epoch_and_it_is_judged_too():
    assert trained([0.1, 0.2], max_steps=4) == (1.0, [3, 4])


def test_weights_that_no_step_changes_are_not_copied():
    network = nn.Linear(1, 1)
    best = BestEpoch(network, unchanging=["bias"])
    best.judge(0.5)
    with torch.no_grad():
        network.weight.fill_(7.0)
        network.bias.fill_(7.0)
    best.restore()
    assert network.weight.item() != 7.0
    assert network.bias.item() == 7.0


def test_a_network_that_was_not_judged_stays_as_it_is():
    network = nn.Linear(1, 1)
    before = network.weight.item()
    BestEpoch(network).restore()
    assert network.weight.item() == before
