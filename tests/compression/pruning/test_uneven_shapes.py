import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.pruning.uneven_shapes import cut, densify, keep
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

SHAPE = EncoderConfig(
    hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, max_position_embeddings=16
)
ALL_HEADS, ALL_NEURONS = [[0, 1, 2, 3]] * 3, [list(range(48))] * 3


def made(config=SHAPE):
    encoder = Encoder(config, 50).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(std=0.2)  # biases are zero in a new network, and would hide mistakes
    return encoder


def opened(config, tensors):
    encoder = Encoder(config, 50).eval()
    encoder.load_state_dict(tensors)
    return encoder


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return Packed.of([rng.integers(0, 50, length) for length in (12, 7, 3)])


def test_keeping_all_changes_nothing_at_all():
    encoder = made()
    config, tensors = cut(SHAPE, encoder.state_dict(), ALL_HEADS, ALL_NEURONS)
    assert config == SHAPE
    assert config.model_dump() == SHAPE.model_dump()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in encoder.state_dict().items())


def test_order_of_heads_and_neurons_means_nothing(batch):
    encoder = made()
    heads = [torch.randperm(4).tolist() for _ in range(3)]
    neurons = [torch.randperm(48).tolist() for _ in range(3)]
    config, tensors = cut(SHAPE, encoder.state_dict(), heads, neurons)
    assert config == SHAPE
    name = "encoder.layer.0.intermediate.dense.weight"
    assert not torch.equal(tensors[name], encoder.get_parameter(name))
    assert_close(opened(config, tensors)(batch), encoder(batch), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("heads", "neurons"),
    [
        ([[0, 2], [3], [0, 1, 2, 3]], [[5], list(range(48)), list(range(0, 48, 3))]),
        ([[0, 2], [3, 1], [0, 1]], [list(range(20))] * 3),
        ([[], [1], [0, 1]], [[], list(range(9)), [47]]),
    ],
    ids=["each its own", "the same number everywhere", "none in some"],
)
def test_what_is_cut_equals_gates_that_are_zero_and_its_dense_form(batch, heads, neurons):
    encoder = made()
    config, tensors = cut(SHAPE, encoder.state_dict(), heads, neurons)
    compact = opened(config, tensors)
    dense_config, dense_tensors = densify(config, tensors)
    dense = opened(dense_config, dense_tensors)

    assert (config.heads_by_layer, config.widths_by_layer) == ([*map(len, heads)], [*map(len, neurons)])
    assert dense_config.is_regular
    from mamebert.encoder.trace import Gates

    encoder.gates = Gates(
        [torch.tensor([float(n in kept) for n in range(4)]) for kept in heads],
        [torch.tensor([float(n in kept) for n in range(48)]) for kept in neurons],
    )
    assert_close(compact(batch), encoder(batch), atol=1e-5, rtol=1e-5)
    assert_close(dense(batch), compact(batch), atol=1e-5, rtol=1e-5)


def test_one_width_and_full_heads_are_plain_bert():
    config, _ = cut(SHAPE, made().state_dict(), ALL_HEADS, [list(range(20))] * 3)
    assert config.is_regular
    assert config == SHAPE.model_copy(update={"intermediate_size": 20})


def test_cuts_follow_one_another(batch):
    encoder = made()
    config, tensors = cut(SHAPE, encoder.state_dict(), [[0, 2], [3, 1, 0], [0, 1]], [list(range(9)), [3], [1, 2]])
    twice = opened(*cut(config, tensors, [[1], [0, 2], [0, 1]], [[2, 3], [0], [1]]))
    once = opened(*cut(SHAPE, encoder.state_dict(), [[2], [3, 0], [0, 1]], [[2, 3], [3], [2]]))
    assert torch.equal(twice(batch), once(batch))


def test_what_surrounds_the_encoder_stays_and_the_encoder_tells_its_shape(batch):
    network = PretrainingNetwork(SHAPE, 50).eval()
    pooler, before = network.bert.pooler, network.bert(batch)
    keep(network.bert, ALL_HEADS, ALL_NEURONS)
    assert torch.equal(network.bert(batch), before)
    keep(network.bert, [[0], [1], [2]], [[0], [1], [2, 3]])
    assert network.bert.pooler is pooler
    assert network.bert.config.heads_by_layer == [1, 1, 1]
    assert network.bert.config.widths_by_layer == [1, 1, 2]
    assert network.bert.encoder.layer[2].intermediate.dense.weight.shape == (2, 32)
    assert not network.bert(batch).isnan().any()


def test_layers_that_share_weights_cannot_be_cut():
    config = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, shared="all")
    with pytest.raises(UserError, match="share weights"):
        cut(config, {}, [[0], [0]], [[0], [0]])


def test_heads_that_do_not_fill_the_width_have_no_dense_form():
    config = EncoderConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, head_size=12)
    with pytest.raises(UserError, match="width 12"):
        densify(config, {})
