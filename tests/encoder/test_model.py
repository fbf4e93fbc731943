import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.config import build
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError

SMALL = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64)


def sequences(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(5, 100, n) for n in lengths]


@torch.no_grad()
def test_a_sequence_never_sees_its_neighbours():
    encoder = Encoder(SMALL, 100).eval()
    first, second, third = sequences(20, 19, 3)
    together = encoder(Packed.of([first, second, third])).split([20, 19, 3])
    assert_close(together[1], encoder(Packed.of([second])), atol=1e-6, rtol=1e-5)
    assert_close(together[2], encoder(Packed.of([third])), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_every_token_sees_its_whole_sequence():
    encoder = Encoder(SMALL, 100).eval()
    (text,) = sequences(10)
    changed = text.copy()
    changed[-1] += 1
    before, after = encoder(Packed.of([text])), encoder(Packed.of([changed]))
    assert ((before - after).abs().amax(1) > 0).all()


@torch.no_grad()
def test_hidden_states_are_one_more_than_layers_and_end_with_the_last():
    encoder = Encoder(SMALL, 100).eval()
    batch = Packed.of(sequences(7))
    states = list(encoder.hidden_states(batch))
    assert len(states) == 3
    assert torch.equal(states[-1], encoder(batch))


@torch.no_grad()
def test_bfloat16_arithmetic_stays_near_float32():
    network = PretrainingNetwork(SMALL, 100).eval()
    batch = Packed.of(sequences(20, 20, 5))
    exact = network.bert(batch)
    network.bert.compute_dtype = torch.bfloat16
    rough = network.bert(batch)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).std() < 0.02 * exact.std()
    assert network.bert.embeddings.word_embeddings.weight.dtype == torch.float32


def test_hidden_size_must_be_divisible_by_heads():
    with pytest.raises(UserError, match=r"hidden_size 100 cannot be split between 8 heads.*such as 104"):
        build(EncoderConfig, {"hidden_size": 100, "num_attention_heads": 8})


def test_heads_and_inner_width_follow_from_the_width():
    shape = EncoderConfig(hidden_size=1024, num_hidden_layers=4)
    assert (shape.num_attention_heads, shape.intermediate_size) == (16, 4096)


@pytest.mark.parametrize(("layers", "width", "millions"), [(24, 128, 8.95), (4, 1024, 85.6)])
def test_the_papers_shapes_have_their_sizes(layers, width, millions):
    with torch.device("meta"):
        network = PretrainingNetwork(
            EncoderConfig(hidden_size=width, num_hidden_layers=layers, max_position_embeddings=256), 32_000
        )
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


def test_a_pass_that_asks_for_hidden_states_keeps_nothing_else():
    network = Encoder(EncoderConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2), 20).eval()
    batch = Padded.of(Packed.of([np.array([2, 5, 3]), np.array([2, 3])]))
    everything, hidden = network.trace(batch), network.trace(batch, keeps="hidden")
    assert all(torch.equal(one, other) for one, other in zip(everything.hidden, hidden.hidden, strict=True))
    inside = ("queries", "keys", "values", "scores", "attention", "context", "intermediate")
    assert [len(getattr(everything, name)) for name in inside] == [2] * 7
    assert [len(getattr(hidden, name)) for name in inside] == [0] * 7
