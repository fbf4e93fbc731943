import itertools

import numpy as np
import pytest
import torch
from torch import nn

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.loop import Losses, derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.schedules import warmup_then_linear
from mamebert.training.settings import Training
from mamebert.training.snapshot import KEPT, load_snapshot, save_snapshot

SETTINGS = Training(steps=20, peak_lr=0.05, precision="float32")


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))


def batches(start=0):
    for number in range(start, SETTINGS.steps):
        yield torch.from_numpy(np.random.default_rng(number).normal(size=(6, 4)).astype(np.float32))


def steps(network, optimizer, start=0, data=None):
    def loss(batch):
        return Losses((network(batch) - batch.sum(1, keepdim=True)).square().mean(), {})

    yield from train(network, optimizer, data or batches(start), loss, SETTINGS, SETTINGS.steps, seed=1, done=start)


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_the_loop_learns():
    network = small()
    losses = [step.loss for step in steps(network, make_optimizer(network, SETTINGS))]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


@pytest.mark.parametrize("stopped_after", [1, 7, 19])
def test_a_resumed_training_ends_bit_identical(tmp_path, stopped_after):
    whole = small()
    all_losses = [s.loss for s in steps(whole, make_optimizer(whole, SETTINGS))]

    first = small()
    optimizer = make_optimizer(first, SETTINGS)
    for step in steps(first, optimizer):
        if step.number == stopped_after:
            save_snapshot(tmp_path, step.number, first, optimizer, {"place": stopped_after})
            break
    torch.manual_seed(999)  # another process has another past
    torch.rand(17)
    second = small(seed=5)
    optimizer = make_optimizer(second, SETTINGS)
    done, progress = load_snapshot(tmp_path, second, optimizer)
    losses = [s.loss for s in steps(second, optimizer, done)]
    assert progress == {"place": stopped_after}
    assert torch.equal(weights(whole), weights(second))
    assert losses == all_losses[stopped_after:]


def test_a_damaged_snapshot_is_passed_over_for_the_one_before(tmp_path):
    network = small()
    optimizer = make_optimizer(network, SETTINGS)
    for step in steps(network, optimizer):
        save_snapshot(tmp_path, step.number, network, optimizer, {})
        if step.number == 3:
            break
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == [f"step-{n:09}.safetensors" for n in (2, 3)]
    assert len(files) == KEPT
    content = bytearray(files[-1].read_bytes())
    content[-3] ^= 1
    files[-1].write_bytes(content)
    assert load_snapshot(tmp_path, network, optimizer)[0] == 2
    files[0].write_bytes(b"torn")
    with pytest.raises(UserError, match="damaged"):
        load_snapshot(tmp_path, network, optimizer)


def test_a_loss_that_is_no_number_never_reaches_a_weight():
    network = small()
    before = weights(network)
    poisoned = [torch.full((6, 4), torch.nan)]
    with pytest.raises(UserError, match=r"step 1.*Lower training\.peak_lr"):
        list(steps(network, make_optimizer(network, SETTINGS), data=poisoned))
    assert torch.equal(weights(network), before)


def test_the_rate_rises_then_falls_to_zero_without_a_jump():
    rates = [warmup_then_linear(n, 100, 0.1) for n in range(101)]
    assert max(rates) == 1.0
    assert rates[100] == 0.0
    assert max(abs(a - b) for a, b in itertools.pairwise(rates)) <= 0.1 + 1e-9
    assert warmup_then_linear(0, 10, 0.0) == 1.0


def test_biases_are_not_decayed_and_frozen_parameters_are_not_known():
    network = small()
    network[0].weight.requires_grad_(False)
    groups = make_optimizer(network, SETTINGS).param_groups
    known = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert id(network[0].weight) not in known
    assert known[id(network[2].weight)] == SETTINGS.weight_decay
    assert known[id(network[2].bias)] == 0


def test_seeds_for_different_purposes_differ():
    assert len({derive_seed(s, w, n) for s in range(3) for w in ("masks", "order") for n in range(5)}) == 30


@pytest.mark.parametrize("settings", [{}, {"steps": 3, "epochs": 2}])
def test_length_is_said_once(settings):
    with pytest.raises(UserError, match="exactly one"):
        build(Training, settings)


def test_an_unknown_device_is_a_sentence():
    with pytest.raises(UserError, match="no device 'cuda:99'"):
        pick_device("cuda:99")
    assert pick_precision("float32", torch.device("cpu")) == torch.float32
