"""Encoders that are not quite BERT: what they save, what they compute, and what cannot be."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.config import build
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.packing import Packed, Rows
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError
from mamebert.kernels.native import torch_only

BODY = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64}
SHAPES = {
    "bert": {},
    "narrow": {"embedding_size": 32},
    "albert": {"embedding_size": 32, "shared": "all", "hidden_act": "gelu_new"},
    "groups": {"shared": "groups", "num_hidden_groups": 2},
    "attention": {"shared": "attention"},
    "ffn": {"shared": "ffn", "hidden_act": "relu"},
    "no_segments": {"type_vocab_size": 0},
    "pruned": {"layer_heads": [4, 0, 2, 1], "layer_widths": [256, 48, 0, 32]},
    "few_wide_heads": {"layer_heads": [1, 2, 3, 1], "head_size": 48},
    "nothing_left": {"layer_heads": [0] * 4, "layer_widths": [0] * 4},
}


def batch(*lengths):
    rng = np.random.default_rng(1)
    return Packed.of([rng.integers(5, 100, n) for n in lengths], [np.arange(n) % 2 for n in lengths])


def scrambled(shape):
    torch.manual_seed(0)
    network = PretrainingNetwork(shape, 100).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network


@pytest.mark.parametrize("name", SHAPES)
def test_the_packed_pass_the_torch_path_and_the_padded_pass_agree(name):
    network, packed = scrambled(EncoderConfig(**BODY, **SHAPES[name])), batch(20, 20, 7, 1)
    found, padded = list(network.bert.hidden_states(packed)), network.bert.trace(Padded.of(packed))
    with torch_only():
        plain = list(network.bert.hidden_states(packed))
    assert len(found) == len(plain) == len(padded.hidden) == 5
    for natively, by_torch, rectangular in zip(found, plain, padded.hidden, strict=True):
        assert_close(natively, by_torch, atol=1e-5, rtol=1e-4)
        assert_close(natively, padded.packed(rectangular), atol=1e-5, rtol=1e-4)
    places = torch.tensor([0, 3, 21, 47])
    *_, last = network.bert.hidden_states(packed, Rows(places, packed))
    assert_close(last, found[-1][places], atol=1e-5, rtol=1e-4)
    with torch_only():
        expected = network.cls.predictions(plain[-1])
    assert_close(network.cls.predictions(found[-1]), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_every_parameter_learns_through_both_passes_alike(name):
    network, packed = scrambled(EncoderConfig(**BODY, **SHAPES[name])), batch(20, 7)
    weights, gradients = torch.randn(27, 64), []
    for altered in (False, True):
        network.bert.altered = altered
        network.zero_grad()
        (network.bert(packed) * weights).sum().backward()
        gradients.append({n: p.grad for n, p in network.bert.named_parameters() if not n.startswith("pooler.")})
    for parameter, gradient in gradients[0].items():
        other = gradients[1][parameter]
        if gradient is None or other is None:  # products with nothing left have none in one of the passes
            assert all(g is None or not g.abs().sum() for g in (gradient, other)), parameter
        else:
            assert_close(gradient, other, atol=1e-4, rtol=1e-3, msg=parameter)


def test_gates_of_one_change_nothing_where_layers_differ():
    encoder = scrambled(EncoderConfig(**BODY, **SHAPES["pruned"])).bert
    before = encoder(batch(9, 4))
    encoder.gates = encoder.open_gates()
    assert [len(heads) for heads in encoder.gates.heads] == [4, 0, 2, 1]
    assert_close(encoder(batch(9, 4)), before, atol=1e-5, rtol=1e-4)


def test_a_layer_without_its_halves_leaves_two_norms_and_biases():
    encoder = scrambled(EncoderConfig(**BODY, **SHAPES["nothing_left"])).bert
    first, second, *_ = encoder.hidden_states(batch(6))
    (layer, *_) = encoder.encoder.layer
    attended = layer.attention.output.LayerNorm(first + layer.attention.output.dense.bias)
    assert_close(second, layer.output.LayerNorm(attended + layer.output.dense.bias), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("mode", "attentions", "blocks"),
    [("all", 1, 1), ("groups", 2, 2), ("attention", 1, 4), ("ffn", 4, 1), ("none", 4, 4)],
)
def test_what_is_shared_is_one_module(mode, attentions, blocks):
    groups = 2 if mode == "groups" else 1
    layers = Encoder(EncoderConfig(**BODY, shared=mode, num_hidden_groups=groups), 50).encoder.layer
    assert len({id(layer.attention) for layer in layers}) == attentions
    assert len({id(layer.intermediate) for layer in layers}) == len({id(layer.output) for layer in layers}) == blocks
    if mode == "groups":
        assert layers[0].attention is layers[1].attention


def test_a_plain_bert_is_written_as_ever():
    assert list(EncoderConfig().model_dump()) == [
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "pad_token_id",
        "layer_norm_eps",
        "initializer_range",
    ]


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_written_is_read_as_the_same_shape(name):
    shape = EncoderConfig(**BODY, **SHAPES[name])
    assert build(EncoderConfig, shape.model_dump(mode="json")) == shape


def test_the_pooler_follows_from_the_family():
    families = [{}, {"type_vocab_size": 0}, {"embedding_size": 32}, {"embedding_size": 32, "shared": "all"}]
    assert [EncoderConfig(**each).pooler_act for each in families] == ["tanh", "relu", "gelu", "tanh"]
    assert EncoderConfig(embedding_size=32, pooler_act="tanh").pooler_act == "tanh"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"shared": "groups", "num_hidden_groups": 3}, r"4 layers cannot be split into 3 groups.*from 1, 2, 4\."),
        ({"num_hidden_groups": 2}, "num_hidden_groups 2 means nothing with shared=none"),
        ({"layer_heads": [4, 2]}, "layer_heads tells the sizes of 2 layers, and there are 4"),
        ({"layer_widths": [4, 2, -1, 4]}, "A layer cannot have -1 of them"),
        ({"layer_heads": [4, 2, 4, 4], "shared": "all"}, "Layers that share weights differ in layer_heads"),
        ({"hidden_act": "swish"}, "'hidden_act' cannot be"),
        ({"num_attention_heads": 5}, "cannot be split between 5 heads"),
    ],
)
def test_what_cannot_be_is_told(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        build(EncoderConfig, {**BODY, **settings})
