"""Names and shapes told by settings alone are those of the modules."""

import pytest

from mamebert.encoder.design import PRESETS
from mamebert.encoder.model import Encoder
from mamebert.encoder.named.parameters import parameter_shapes
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.shapes_alone import shapes_alone

SHAPES = [
    {},
    *({"preset": preset} for preset in PRESETS if preset != "mobilebert"),
    {"hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 3, "layer_heads": [1, 0, 2]},
    {"num_hidden_layers": 2, "layer_widths": [160, 0]},
    *({"shared": shared} for shared in ("all", "attention", "ffn")),
    {"shared": "groups", "num_hidden_groups": 2},
    {"norm_place": "pre"},
    {"type_vocab_size": 0},
    {"embedding_size": 32, "biases": "none"},
    {"head_size": 32, "head": "prediction"},
]


@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_they_are_those_of_an_encoder_in_its_order(settings):
    config = EncoderConfig(**settings)
    with shapes_alone():
        encoder = Encoder(config, 100)
    built = [(name, tuple(parameter.shape)) for name, parameter in encoder.named_parameters()]
    assert list(parameter_shapes(config, 100).items()) == built
