from math import sqrt
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.training.adam_kin import AdamKin, Kin
from mamebert.training.averages import averaged, follow
from mamebert.training.muon import MuonAndAdamW, orthogonal
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training
from mamebert.training.snapshot import put_back, state_of

ADAMW = Training(steps=1, weight_decay=0.3, precision="float32")
MUON = ADAMW.model_copy(update={"optimizer": "muon"})
KIN = [ADAMW.model_copy(update={"optimizer": each}) for each in get_args(Kin)]
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


@pytest.mark.parametrize("settings", [ADAMW, MUON, *KIN])
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


LR, BETAS, EPS, DECAY = 0.1, (0.9, 0.98), 1e-6, 0.3


def by_formula(kind, weights, gradients):
    """The papers' formulas, in float64, one step after the other."""
    w, m, v = weights.astype(np.float64), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        if kind == "stable_adamw":
            b1, b2 = (b * (1 - b ** (t - 1)) / (1 - b**t) for b in BETAS)
        else:
            b1, b2 = BETAS
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        if kind == "bert_adamw":
            w = w - LR * (m / (np.sqrt(v) + EPS) + DECAY * w)
        elif kind == "stable_adamw":
            lr = LR / max(1, sqrt(np.mean(g**2 / np.maximum(v, EPS**2))))
            w = (1 - lr * DECAY) * w - lr * m / (np.sqrt(v) + EPS)
        else:
            r = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + EPS) + DECAY * w
            w = w - LR * np.linalg.norm(w) / np.linalg.norm(r) * r
    return w


@pytest.mark.parametrize("kind", get_args(Kin))
def test_the_kin_of_adamw_follow_their_formulas(kind):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 3)).astype(np.float32)
    gradients = [rng.normal(size=(4, 3)) * (10 if step == 4 else 1) for step in range(8)]
    matrix = nn.Parameter(torch.tensor(start))
    optimizer = AdamKin([{"params": [matrix], "weight_decay": DECAY}], kind, LR, BETAS, EPS)
    for gradient in gradients:
        matrix.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
    assert matrix.detach().numpy() == pytest.approx(by_formula(kind, start, gradients), rel=1e-4, abs=1e-5)


def test_stable_adamw_is_adamw_where_no_gradient_surprises():
    ends = []
    for make in (
        lambda p: torch.optim.AdamW([p], lr=LR, betas=BETAS, eps=1e-12, weight_decay=DECAY),
        lambda p: AdamKin([{"params": [p], "weight_decay": DECAY}], "stable_adamw", LR, BETAS, 1e-12),
    ):
        torch.manual_seed(0)
        matrix = nn.Parameter(torch.randn(4, 3))
        optimizer, gradient = make(matrix), torch.randn(4, 3)
        for step in range(6):
            matrix.grad = gradient * 0.9**step
            optimizer.step()
        ends.append(matrix.detach())
    torch.testing.assert_close(*ends)


def test_lamb_moves_what_has_no_decay_as_adam_does():
    ends = []
    for make in (
        lambda p: torch.optim.Adam([p], lr=LR, betas=BETAS, eps=EPS),
        lambda p: AdamKin([{"params": [p], "weight_decay": 0.0}], "lamb", LR, BETAS, EPS),
    ):
        torch.manual_seed(0)
        bias = nn.Parameter(torch.randn(5))
        optimizer = make(bias)
        for _ in range(5):
            bias.grad = torch.randn(5)
            optimizer.step()
        ends.append(bias.detach())
    torch.testing.assert_close(*ends)


@pytest.mark.parametrize("settings", [ADAMW, MUON, KIN[0]])
def test_averages_follow_the_weights_and_stand_in_for_them_for_a_while(settings):
    network = small()
    optimizer = make_optimizer(network, settings)
    follow(optimizer, 0.75)
    wanted = None
    for step in range(4):
        learn(network, optimizer, [step])
        now = weights(network)
        wanted = now if wanted is None else {n: 0.75 * wanted[n] + 0.25 * now[n] for n in now}
    with averaged(optimizer):
        for name, value in weights(network).items():
            torch.testing.assert_close(value, wanted[name])
    assert all(torch.equal(value, now[name]) for name, value in weights(network).items())


def test_averages_are_in_a_snapshot():
    ends = []
    for stop in (None, 2):
        network = small()
        optimizer = make_optimizer(network, ADAMW)
        follow(optimizer, 0.9)
        learn(network, optimizer, range(stop or 5))
        if stop:
            saved = {name: value.clone() for name, value in state_of(network, optimizer).items()}
            network = small(seed=5)
            optimizer = make_optimizer(network, ADAMW)
            follow(optimizer, 0.9)
            put_back(saved, network, optimizer)
            learn(network, optimizer, range(stop, 5))
        with averaged(optimizer):
            ends.append(weights(network))
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_beta_2_has_one_half_life_in_tokens_whatever_the_batch():
    training = Training(steps=1, beta_2_half_life=100_000)
    assert training.betas_for(100_000) == (0.9, 0.5)
    assert training.betas_for(1_000)[1] ** 100 == pytest.approx(0.5)
    assert ADAMW.betas_for(123) == (0.9, 0.98)
    assert "beta_2_half_life" not in ADAMW.model_dump()
