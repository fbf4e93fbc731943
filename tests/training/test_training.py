import numpy as np
import pytest
import torch
from torch import nn

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.loop import Losses, derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training
from mamebert.training.snapshot import Snapshot, put_back, state_of
from mamebert.training.snapshot_folder import SnapshotFolder

SETTINGS = Training(steps=20, peak_lr=0.05, precision="float32")


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))


def batches(start=0):
    for number in range(start, SETTINGS.steps):
        yield torch.from_numpy(np.random.default_rng(number).normal(size=(6, 4)).astype(np.float32))


def steps(network, optimizer, start=0, data=None, num_parts=1):
    def loss(part):
        rows, size = part
        return Losses((network(rows) - rows.sum(1, keepdim=True)).square().sum() / size, {})

    cut = ([(part, len(batch)) for part in batch.chunk(num_parts)] for batch in data or batches(start))
    yield from train(network, optimizer, cut, loss, SETTINGS, SETTINGS.steps, seed=1, done=start)


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_the_loop_learns():
    network = small()
    losses = [step.loss for step in steps(network, make_optimizer(network, SETTINGS))]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


@pytest.mark.parametrize("num_parts", [2, 3])
def test_a_batch_in_parts_teaches_what_it_teaches_whole(num_parts):
    whole, cut = small(), small()
    whole[1].p = cut[1].p = 0.0  # each part has its own dropout
    at_once = list(steps(whole, make_optimizer(whole, SETTINGS)))
    in_parts = list(steps(cut, make_optimizer(cut, SETTINGS), num_parts=num_parts))
    assert [s.loss for s in in_parts] == pytest.approx([s.loss for s in at_once], rel=1e-4)
    assert [s.gradient_norm for s in in_parts] == pytest.approx([s.gradient_norm for s in at_once], rel=1e-3)
    torch.testing.assert_close(weights(cut), weights(whole), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("stopped_after", [1, 7, 19])
def test_a_resumed_training_ends_bit_identical(tmp_path, stopped_after):
    whole = small()
    all_losses = [s.loss for s in steps(whole, make_optimizer(whole, SETTINGS))]

    first = small()
    optimizer = make_optimizer(first, SETTINGS)
    with SnapshotFolder(tmp_path, keep=2, before_writing=lambda: None) as folder:
        for step in steps(first, optimizer):
            if step.number == stopped_after:
                folder.take(Snapshot(step.number, state_of(first, optimizer), {"place": stopped_after}, {}))
                # The next step goes on over the tensors while they are written.
            if step.number > stopped_after:
                break
    torch.manual_seed(999)  # another process has another past
    torch.rand(17)
    second = small(seed=5)
    optimizer = make_optimizer(second, SETTINGS)
    found = SnapshotFolder(tmp_path, keep=2, before_writing=lambda: None).newest()
    put_back(found.tensors, second, optimizer)
    losses = [s.loss for s in steps(second, optimizer, found.step)]
    assert found.progress == {"place": stopped_after}
    assert torch.equal(weights(whole), weights(second))
    assert losses == all_losses[stopped_after:]


def test_a_loss_that_is_no_number_never_reaches_a_weight():
    network = small()
    before = weights(network)
    poisoned = [torch.full((6, 4), torch.nan)]
    with pytest.raises(UserError, match=r"step 1.*Lower training\.peak_lr"):
        list(steps(network, make_optimizer(network, SETTINGS), data=poisoned))
    assert torch.equal(weights(network), before)


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
