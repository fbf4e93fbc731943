from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import hessian
from torch.func import functional_call

from mamebert.compression.contract import Subject
from mamebert.compression.goals import MaskedWords
from mamebert.compression.quantisation.hessian import layer_eigenvalues, sensitivity, top_eigenvalue
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels import torch_only
from mamebert.objectives import Objective
from mamebert.objectives.data.pretraining_batch import PretrainingBatch


def quadratic(eigenvalues):
    torch.manual_seed(3)
    turn, _ = torch.linalg.qr(torch.randn(len(eigenvalues), len(eigenvalues)))
    return turn @ torch.diag(torch.tensor(eigenvalues)) @ turn.T


@pytest.mark.parametrize(("eigenvalues", "top"), [([5.0, 2.0, -1.0, 0.5], 5.0), ([1.0, -4.0, 2.0], -4.0)])
def test_a_quadratic_bends_as_its_matrix_says_whatever_the_sign(eigenvalues, top):
    matrix = quadratic(eigenvalues)
    point = torch.randn(len(eigenvalues), requires_grad=True)

    found = top_eigenvalue(lambda: point @ matrix @ point / 2, [point], num_steps=200, tolerance=1e-7)

    assert found == pytest.approx(top, rel=1e-4)


def test_eigenvalues_that_tie_with_opposite_signs_are_not_averaged():
    matrix = quadratic([4.0, -4.0, 1.0])
    point = torch.randn(3, requires_grad=True)
    for seed in range(3):
        found = top_eigenvalue(lambda: point @ matrix @ point / 2, [point], num_steps=100, tolerance=1e-6, seed=seed)
        assert abs(found) == pytest.approx(4.0, rel=1e-3)


def test_power_iteration_finds_the_exact_eigenvalue_of_a_tiny_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)).double()
    inputs, answers = torch.randn(16, 3, dtype=torch.float64), torch.randint(0, 2, (16,))
    weight = network[0].weight

    def loss_at(value):
        return nn.functional.cross_entropy(functional_call(network, {"0.weight": value}, (inputs,)), answers)

    exact = torch.linalg.eigvalsh(hessian(loss_at, weight.detach()).reshape(12, 12))
    top = exact[exact.abs().argmax()]
    found = top_eigenvalue(lambda: loss_at(weight), [weight], num_steps=500, tolerance=1e-9)

    assert found == pytest.approx(float(top), rel=1e-5)


def test_a_flat_loss_has_eigenvalue_zero():
    point = torch.randn(5, requires_grad=True)
    assert top_eigenvalue(lambda: 0.0 * (point**2).sum(), [point]) == 0.0


def test_sensitivity_is_the_mean_without_sign_and_the_deviation():
    assert sensitivity([2.0, 2.0]) == pytest.approx(2.0)
    assert sensitivity([-3.0, -1.0]) == pytest.approx(2.0 + 1.0)
    assert sensitivity([-4.0, 4.0]) == pytest.approx(4.0)


def test_a_layer_of_an_encoder_bends_as_its_whole_hessian_says():
    torch.manual_seed(1)
    config = EncoderConfig(
        hidden_size=4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=4, max_position_embeddings=8,
        initializer_range=0.5,
    )  # fmt: skip
    goal = MaskedWords(Objective.find("masked_lm")())
    network = goal.network(config, 11).double().eval()
    subject = Subject(network, goal, Path())
    packed = Packed.of([np.arange(1, 6), np.arange(3, 10)])
    batch = PretrainingBatch(packed, torch.tensor([1, 7]), torch.tensor([4, 6]), torch.zeros(2))
    layer = network.bert.encoder.layer[1]
    names = [f"bert.encoder.layer.1.{n}" for n, p in layer.named_parameters() if n.endswith("weight") and p.ndim == 2]
    sizes = [network.get_parameter(name).numel() for name in names]
    flat = torch.cat([network.get_parameter(name).detach().flatten() for name in names])

    def loss_at(values):
        given = {
            name: part.view_as(network.get_parameter(name))
            for name, part in zip(names, values.split(sizes), strict=True)
        }
        hidden = functional_call(network.bert, {n.removeprefix("bert."): v for n, v in given.items()}, (packed,))
        return nn.functional.cross_entropy(network.cls.predictions(hidden[batch.chosen]), batch.targets)

    network.bert.altered = True
    with torch_only():
        exact = torch.linalg.eigvalsh(hessian(loss_at, flat))
    network.bert.altered = False
    _, [found] = layer_eigenvalues(subject, [batch], num_steps=1000, tolerance=1e-9)

    assert found == pytest.approx(float(exact[exact.abs().argmax()]), rel=1e-3)
    assert not network.bert.altered
