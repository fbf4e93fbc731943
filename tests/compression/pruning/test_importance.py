from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.contract import Subject
from mamebert.compression.goals import MaskedWords
from mamebert.compression.pruning.importance import best_of_all, best_of_each, evened, importance, num_kept, ranked
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.objectives.masked_lm import MaskedLM

SHAPE = EncoderConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24, max_position_embeddings=16
)


@pytest.fixture
def subject():
    network = PretrainingNetwork(SHAPE, 50).eval()
    with torch.no_grad():
        for parameter in network.bert.encoder.parameters():
            parameter.normal_(std=0.2)
    return Subject(network, MaskedWords(MaskedLM()), Path("nowhere"))


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)

    def one():
        packed = Packed.of([rng.integers(5, 50, length) for length in (12, 7)])
        asked, targets = torch.tensor([1, 4, 13]), torch.tensor([7, 8, 9])
        return PretrainingBatch(packed, asked, targets, torch.zeros(2, dtype=torch.int64))

    return [one() for _ in range(3)]


def gated_gradients(subject, batch):
    encoder = subject.bert
    encoder.gates = encoder.open_gates()
    gates = [*encoder.gates.heads, *encoder.gates.neurons]
    found = torch.autograd.grad(subject.goal.loss(subject.network, batch).total, gates)
    encoder.gates = None
    return found[:2], found[2:]


def test_a_head_is_worth_the_gradient_of_its_gate(subject, batches):
    by_gates = [gated_gradients(subject, batch)[0] for batch in batches]
    wanted = [torch.stack([each[layer].abs() for each in by_gates]).sum(0) for layer in range(2)]
    for found, right in zip(importance(subject, batches).heads, wanted, strict=True):
        assert_close(found.float(), right, rtol=1e-3, atol=1e-6)


def test_a_neuron_is_worth_what_its_weights_and_gradients_say(subject, batches):
    subject.goal.loss(subject.network, batches[0]).total.backward()
    into, out = (subject.bert.encoder.layer[1].get_submodule(name) for name in ("intermediate.dense", "output.dense"))
    wanted = (into.weight * into.weight.grad).sum(1) + into.bias * into.bias.grad
    wanted = wanted.abs() + (out.weight * out.weight.grad).sum(0).abs()
    assert_close(importance(subject, batches[:1]).neurons[1].float(), wanted, rtol=1e-3, atol=1e-7)
    # What goes out of a neuron is what a gate on it would feel.
    gate = gated_gradients(subject, batches[0])[1][1]
    assert_close((out.weight * out.weight.grad).sum(0), gate, rtol=1e-3, atol=1e-6)


def test_asking_leaves_no_gradients_behind(subject, batches):
    importance(subject, batches)
    assert all(parameter.grad is None for parameter in subject.network.parameters())


@pytest.mark.parametrize("by", ["gradient", "magnitude"])
def test_what_has_no_weights_is_worth_nothing(subject, batches, by):
    layer = subject.bert.encoder.layer[0]
    with torch.no_grad():
        for tensor in (
            layer.attention.output.dense.weight.T,
            *(getattr(layer.attention.self, n).weight for n in ("query", "key", "value")),
        ):
            tensor[8:16] = 0
        layer.attention.self.value.bias[8:16] = 0
        for tensor in (layer.intermediate.dense.weight, layer.intermediate.dense.bias, layer.output.dense.weight.T):
            tensor[5] = 0
    found = importance(subject, batches, by)
    assert (found.heads[0] == 0).tolist() == [False, True, False, False]
    assert int(found.neurons[0].argmin()) == 5
    assert found.neurons[0][5] == 0


SCORES = [torch.tensor([3.0, 1.0, 2.0, 0.0]), torch.tensor([0.1, 0.3, 0.2, 0.4])]


def test_the_least_important_go_from_each_layer_or_from_all():
    assert ranked(SCORES) == [[0, 2, 1, 3], [3, 1, 2, 0]]
    assert best_of_each(SCORES, 0.5, "heads") == [[0, 2], [1, 3]]
    assert best_of_all(SCORES, 0.5, "heads") == [[0, 1, 2], [3]]  # the second layer keeps its best one
    assert best_of_all(evened(SCORES), 0.5, "heads") == [[0, 2], [1, 3]]
    assert best_of_all(SCORES, 0.9, "heads") == [[0], [3]]


def test_removing_nothing_keeps_all():
    assert best_of_each(SCORES, 0, "heads") == best_of_all(SCORES, 0, "heads") == [[0, 1, 2, 3]] * 2


def test_a_share_that_leaves_nothing_or_takes_nothing_is_refused():
    assert num_kept(4, 0.25, "heads") == 3
    with pytest.raises(UserError, match=r"nothing would be left\. Remove at most 0\.75"):
        num_kept(4, 0.9, "heads")
    with pytest.raises(UserError, match=r"none of them\. Remove at least 0\.25"):
        num_kept(4, 0.1, "heads")
    with pytest.raises(UserError, match=r"one of the heads here, and it has to stay\. Set"):
        num_kept(1, 0.25, "heads")
    with pytest.raises(UserError, match=r"Remove at least 0\.01"):
        num_kept(300, 0.001, "neurons")
