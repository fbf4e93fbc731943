import pytest
import torch
from torch import nn

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.training.muon import MuonAndAdamW, orthogonal
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training
from mamebert.training.snapshot import put_back, state_of

ADAMW = Training(steps=1, weight_decay=0.3, precision="float32")
MUON = ADAMW.model_copy(update={"optimizer": "muon"})
SHAPES = [(12, 12), (24, 6), (6, 24)]


def small(seed=0):
    torch.manual_seed(seed)
    config = EncoderConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=8)
    return PretrainingNetwork(config, vocab_size=20)


def learn(network, optimizer, steps):
    """Follow gradients that depend on the weights and the step, as a loss would give them."""
    for number in steps:
        generator = torch.Generator().manual_seed(number)
        for p in network.parameters():
            if p.requires_grad:
                p.grad = p.detach() + torch.randn(p.shape, generator=generator)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def weights(network):
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def test_biases_are_not_decayed_and_frozen_parameters_are_not_known():
    network = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))
    network[0].weight.requires_grad_(False)
    groups = make_optimizer(network, ADAMW).param_groups
    known = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert id(network[0].weight) not in known
    assert known[id(network[1].weight)] == ADAMW.weight_decay
    assert known[id(network[1].bias)] == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonal_keeps_directions_and_evens_out_their_lengths(shape):
    torch.manual_seed(0)
    left, _ = torch.linalg.qr(torch.randn(shape[0], min(shape)))
    right, _ = torch.linalg.qr(torch.randn(shape[1], min(shape)))
    lengths = torch.logspace(-1.5, 1, min(shape))
    found = orthogonal(left * lengths @ right.T)
    turned = left.T @ found @ right  # would be the identity, were the lengths exactly 1
    assert turned.diagonal().min() > 0.6
    assert turned.diagonal().max() < 1.3
    assert (turned - turned.diagonal().diag()).abs().max() < 1e-4


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_of_muon_is_as_long_as_a_step_of_adamw(shape):
    torch.manual_seed(0)
    matrix = nn.Parameter(torch.zeros(shape))
    adamw = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], fused=True)
    muon = MuonAndAdamW([matrix], adamw, weight_decay=0.0, momentum=0.9, arithmetic=torch.float32)
    muon.param_groups[0]["lr"] = 0.5
    matrix.grad = torch.randn(shape) * 1e3
    muon.step()
    assert matrix.detach().square().mean().sqrt() == pytest.approx(0.5 * 0.2, rel=0.25)


def test_muon_learns_the_matrices_of_the_layers_and_adamw_all_else():
    network = small()
    optimizer = make_optimizer(network, MUON)
    names = {id(p): name for name, p in network.named_parameters()}
    hidden, *others = ({names[id(p)] for p in group["params"]} for group in optimizer.param_groups)
    each = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
    each += ["intermediate.dense", "output.dense"]
    assert hidden == {f"bert.encoder.layer.{number}.{name}.weight" for number in range(2) for name in each}
    assert hidden.isdisjoint(set().union(*others))
    assert hidden.union(*others) == set(names.values())


def test_what_adamw_learns_beside_muon_is_what_it_learns_alone():
    pair = []
    for settings in (ADAMW, MUON):
        network = small()
        optimizer = make_optimizer(network, settings)
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        generator = torch.Generator().manual_seed(1)
        for p in network.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()
        pair.append(weights(network))
    alone, beside = pair
    for name, before in weights(small()).items():
        same = torch.equal(alone[name], beside[name])
        assert same == (not ("encoder.layer." in name and before.ndim == 2)), name
        assert not torch.equal(beside[name], before)


def test_a_matrix_without_a_gradient_stays_and_is_not_decayed():
    network = small()
    frozen = network.bert.encoder.layer[0].output.dense.weight
    optimizer = make_optimizer(network, MUON)
    frozen.requires_grad_(False)
    before = weights(network)
    learn(network, optimizer, range(2))
    changed = {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}
    assert set(before) - changed == {"bert.encoder.layer.0.output.dense.weight"}
    assert frozen not in optimizer.state


@pytest.mark.parametrize("settings", [ADAMW, MUON])
def test_a_restored_optimizer_goes_on_to_the_same_bits(settings):
    whole = small()
    learn(whole, make_optimizer(whole, settings), range(6))

    first = small()
    optimizer = make_optimizer(first, settings)
    learn(first, optimizer, range(3))
    saved = {name: value.clone() for name, value in state_of(first, optimizer).items()}
    second = small(seed=5)
    optimizer = make_optimizer(second, settings)
    put_back(saved, second, optimizer)
    learn(second, optimizer, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))
