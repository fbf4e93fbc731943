"""Numbers on a grid of few bits."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from mamebert.compression.quantisation import rounding
from mamebert.compression.quantisation.activation_range import ActivationRange
from mamebert.compression.quantisation.binary import BinaryRows, Settled
from mamebert.compression.quantisation.fake_quantisation import (
    QuantisedEmbedding,
    QuantisedLinear,
    plain_modules,
    quantise_modules,
    settle,
)
from mamebert.compression.quantisation.groupwise import Groupwise
from mamebert.compression.quantisation.integers import IntegerLinear
from mamebert.compression.quantisation.rounding import PerTensor
from mamebert.encoder.model import Encoder
from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig

SHAPE = EncoderConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16, initializer_range=0.2
)


def dense_of(inputs=24, outputs=8, **ranges) -> QuantisedLinear:
    torch.manual_seed(0)
    made = QuantisedLinear(nn.Linear(inputs, outputs), PerTensor(8), ActivationRange(8), **ranges)
    made.train()(torch.randn(50, inputs))
    return made.eval()


def test_a_range_stays_as_it_is_when_nothing_is_learnt():
    dense = dense_of()
    before = dense.inputs.low.clone(), dense.inputs.high.clone()
    dense(torch.full((3, 24), 100.0))
    assert (dense.inputs.low, dense.inputs.high) == before


def test_the_first_batches_can_be_computed_with_floats():
    torch.manual_seed(0)
    plain, hidden = nn.Linear(24, 8), torch.randn(5, 24)
    dense = QuantisedLinear(plain, PerTensor(3), ActivationRange(8), start_step=2).train()
    found = [dense(hidden) for _ in range(3)]
    assert torch.equal(found[0], plain(hidden))
    assert torch.equal(found[1], plain(hidden))
    assert not torch.allclose(found[2], plain(hidden), atol=1e-2)
    assert dense.inputs.num_batches == 3


def test_products_of_integers_are_those_that_are_simulated():
    dense = dense_of()
    hidden = torch.randn(20, 24) * 2  # some of it beyond the range
    torch.testing.assert_close(IntegerLinear.of(dense)(hidden), dense(hidden), atol=1e-4, rtol=0)


def test_a_weight_takes_a_byte_and_a_bias_an_int32():
    layer = IntegerLinear.of(dense_of())
    assert (layer.weight.dtype, layer.bias.dtype) == (torch.int8, torch.int32)


def test_quantised_modules_hold_the_same_parameters_under_the_same_names():
    encoder = Encoder(SHAPE, 50)
    before = dict(encoder.named_parameters())
    names = quantise_modules(encoder, 8)
    assert "encoder.layer.0.attention.self.query" in names
    assert dict(encoder.named_parameters()).keys() == before.keys()
    assert all(parameter is before[name] for name, parameter in encoder.named_parameters())
    assert isinstance(encoder.embeddings.word_embeddings, QuantisedEmbedding)


def test_what_goes_into_products_again_is_rounded_again():
    encoder = Encoder(SHAPE, 50)
    quantise_modules(encoder, 8)
    attention = encoder.encoder.layer[0].attention
    assert attention.self.value.outputs is not None
    assert attention.output.dense.outputs is None


def test_the_encoder_calls_its_new_modules():
    encoder = Encoder(SHAPE, 50).eval()
    batch = Packed.of([torch.arange(9).numpy(), torch.arange(4).numpy()])
    before = encoder(batch)
    quantise_modules(encoder, 4)
    assert not torch.allclose(encoder(batch), before, atol=1e-2)
    plain_modules(encoder)
    assert torch.allclose(encoder(batch), before, atol=1e-5)


def test_many_bits_leave_the_encoder_as_it_was():
    encoder = Encoder(SHAPE, 50).eval()
    batch = Packed.of([torch.arange(9).numpy()])
    before = encoder(batch)
    quantise_modules(encoder, 24, activation_bits=24)
    torch.testing.assert_close(encoder(batch), before, atol=1e-4, rtol=1e-4)


def test_settled_weights_are_on_their_grids_and_the_outputs_stay():
    encoder = Encoder(SHAPE, 50).train()
    quantise_modules(encoder, 4)
    batch = Packed.of([torch.arange(9).numpy()])
    encoder(batch)
    before = encoder.eval()(batch)
    settle(encoder)
    torch.testing.assert_close(encoder(batch), before, atol=1e-5, rtol=1e-5)
    assert encoder.encoder.layer[0].intermediate.dense.weight.unique().numel() <= 15


def fit(network: nn.Module, steps: int) -> float:
    """Teach a network a curved function and return its error when it is not learning."""
    inputs = torch.rand(256, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1
    targets = (inputs[:, :2] * inputs[:, 2:]).sum(1, keepdim=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(inputs), targets).backward()
        optimizer.step()
    with torch.no_grad():
        return float(nn.functional.mse_loss(network.eval()(inputs), targets))


def test_learning_with_the_rounding_beats_rounding_afterwards_and_more_so_at_few_bits():
    torch.manual_seed(0)
    network = nn.Sequential(Linear(4, 32), nn.ReLU(), Linear(32, 32), nn.ReLU(), Linear(32, 1))
    fit(network, 500)
    gaps = {}
    for bits in (8, 4):
        rounded, learnt = deepcopy(network), deepcopy(network)
        fit(rounded, 300)  # as long as the other
        quantise_modules(rounded, bits, activation_bits=bits, mode="dynamic")
        quantise_modules(learnt, bits, activation_bits=bits)
        gaps[bits] = fit(rounded, 0) - fit(learnt, 300)
    assert gaps[8] > -5e-5
    assert gaps[4] > 10 * abs(gaps[8])


def test_shared_modules_are_replaced_once():
    shared = Linear(4, 4)
    root = nn.Module()
    root.one, root.other = nn.Sequential(shared), nn.Sequential(nn.Identity(), shared)
    root.whole = root.one
    quantise_modules(root, 8)
    assert root.whole is root.one
    assert isinstance(root.one[0], QuantisedLinear)
    assert root.one[0] is root.other[1]
    plain_modules(root)
    assert root.one[0] is root.other[1]
    assert root.one[0].weight is shared.weight


def test_a_copy_is_quantised_like_the_original():
    dense = dense_of()
    hidden = torch.randn(3, 24)
    assert torch.equal(deepcopy(dense)(hidden), dense(hidden))


@pytest.mark.parametrize("rounding", [PerTensor(4), BinaryRows(), Groupwise(2, 5), Groupwise(3), Settled()])
def test_rows_are_looked_up_first_and_rounded_as_the_whole_table_would_be(rounding):
    table = nn.Embedding(20, 6)
    ids = torch.tensor([[3, 19, 3], [0, 7, 12]])
    upstream = torch.randn(2, 3, 6)
    found = []
    for rounds in (rounding, rounding.__call__):  # the second one knows nothing of rows
        module = QuantisedEmbedding(table, rounds)
        table.weight.grad = None
        values = module(ids)
        values.backward(upstream)
        found.append((values.detach(), table.weight.grad.clone()))
    torch.testing.assert_close(found[0], found[1], atol=1e-6, rtol=1e-6)


def test_looking_rows_up_rounds_no_more_than_them(monkeypatch):
    sizes = []
    monkeypatch.setattr(rounding, "to_integers", lambda *given: sizes.append(given[0].numel()) or given[0])
    QuantisedEmbedding(nn.Embedding(1000, 4), PerTensor(8))(torch.tensor([5, 6]))
    assert sizes == [8]
