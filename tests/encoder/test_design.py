"""Choices beyond BERT's: rotary positions, norms before, gates, windows, no biases; each alone and all together."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.encoder.alibi import slopes
from mamebert.encoder.carry_over import require_same_kinds
from mamebert.encoder.design import PRESETS, SIZES
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.rotary import TOKENS_AT_ONCE, _turn, _TurnInParts
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError
from mamebert.kernels import torch_only

LENGTHS = (70, 31, 12, 1)
BODY = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 80, "initializer_range": 0.2, "hidden_dropout_prob": 0.0,
}  # fmt: skip
DESIGNS = {
    "rotary": {"positions": "rotary"},
    "alibi": {"positions": "alibi"},
    "alibi_window": {"positions": "alibi", "local_attention": 8, "global_attn_every_n_layers": 2},
    "pre": {"norm_place": "pre"},
    "gated": {"ffn": "gated", "hidden_act": "relu"},
    "no_biases": {"biases": "none"},
    "window": {"local_attention": 8, "global_attn_every_n_layers": 2},
    "prediction": {"head": "prediction"},
    "albert": {"preset": "albert", "embedding_size": 16},
    "mobilebert": {"preset": "mobilebert"},
    "mosaicbert": {"preset": "mosaicbert", "num_attention_heads": 1},
    "roberta": {"preset": "roberta"},
    "modernbert": {"preset": "modernbert", "local_attention": 8},
}
CLOSE = {"atol": 2e-5, "rtol": 1e-5}


def encoder(name, **more):
    torch.manual_seed(0)
    network = PretrainingNetwork(EncoderConfig(**{**BODY, **DESIGNS[name], **more}), 90)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network.bert.eval()


def batch(lengths=LENGTHS):
    rng = np.random.default_rng(3)
    return Packed.of([rng.integers(1, 90, n) for n in lengths])


@pytest.mark.parametrize("name", DESIGNS)
def test_packed_padded_native_and_chosen_rows_agree(name):
    bert, packed = encoder(name), batch()
    places = torch.tensor([0, 3, 69, 70, 113])
    states = list(bert.hidden_states(packed))
    seen = bert.trace(Padded.of(packed))
    with torch_only():
        plain = list(bert.hidden_states(packed))
    for ours, padded, by_torch in zip(states, seen.hidden, plain, strict=True):
        assert_close(seen.packed(padded), ours, **CLOSE)
        assert_close(by_torch, ours, **CLOSE)
    assert_close(bert(packed, places), states[-1][places], **CLOSE)
    with torch.no_grad():
        assert_close(bert(packed), states[-1], **CLOSE)


@pytest.mark.parametrize("name", DESIGNS)
def test_gradients_do_not_depend_on_the_path(name):
    bert, packed = encoder(name), batch()
    places = torch.tensor([0, 3, 69, 70, 113])
    aim = torch.randn(5, 32)

    def gradients():
        bert.zero_grad()
        (bert(packed, places) * aim).sum().backward()
        return {n: p.grad for n, p in bert.named_parameters() if p.grad is not None}

    native = gradients()
    with torch_only():
        plain = gradients()
    assert native.keys() == plain.keys()
    for key, found in native.items():
        assert torch.isfinite(found).all()
        assert_close(found, plain[key], atol=2e-4, rtol=2e-4)


@torch.no_grad()
@pytest.mark.parametrize("path", ["native", "torch", "padded"])
@pytest.mark.parametrize("name", ["window", "modernbert"])
def test_a_token_outside_the_window_changes_nothing(name, path):
    bert = encoder(name, num_hidden_layers=2, global_attn_every_n_layers=5)
    local = bert.encoder.layer[1]  # the first sees everything

    def given(changed):
        hidden = torch.randn(40, 32, generator=torch.Generator().manual_seed(1))
        hidden[changed] = hidden[changed].flip(-1)  # what a norm would not take away
        if path == "padded":
            from mamebert.encoder.trace import ForwardTrace

            flat = torch.zeros(1, 40, dtype=torch.int64)
            return local.padded(hidden[None], ForwardTrace(Padded(flat, flat, flat == 0)), None, 1)[0]
        return local(hidden, Packed.of([np.arange(40)]))

    def run(changed):
        if path == "torch":
            with torch_only():
                return given(changed)
        return given(changed)

    before = run([])
    reach = 4
    differs = [(run([20])[place] - before[place]).abs().max() > 1e-6 for place in range(40)]
    assert differs == [abs(place - 20) <= reach for place in range(40)]


@torch.no_grad()
@pytest.mark.parametrize("name", DESIGNS)
def test_neighbours_in_a_pack_never_see_each_other(name):
    bert, packed = encoder(name), batch()
    together = bert(packed).split(LENGTHS)
    for ids, states in zip(packed.ids.split(LENGTHS), together, strict=True):
        assert torch.equal(bert(Packed.of([ids.numpy()])), states)


@torch.no_grad()
def test_rotary_positions_know_distances_alone():
    bert = encoder("rotary")
    attention = bert.encoder.layer[0].attention.self
    hidden, moved = torch.randn(10, 32), torch.arange(30, 40)
    whole = Packed.of([np.arange(10)])
    later = Packed(whole.ids, whole.segments, moved, (10,))
    assert_close(attention(hidden, whole), attention(hidden, later), **CLOSE)
    assert not torch.allclose(attention(hidden, whole), attention(hidden.flip(0), whole).flip(0), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tokens", [0, 5, TOKENS_AT_ONCE, 2 * TOKENS_AT_ONCE + 3])
def test_turning_in_parts_is_turning_to_the_last_bit_and_back(dtype, tokens):
    torch.manual_seed(0)
    heads, angles, wanted = torch.randn(tokens, 3, 8).to(dtype), torch.rand(tokens, 1, 4), torch.randn(tokens, 3, 8)
    found = []
    for turn in (_turn, _TurnInParts.apply):
        given = heads.clone().requires_grad_()
        turned = turn(given, angles.cos(), angles.sin())
        turned.backward(wanted.to(dtype))
        found.append((turned.detach(), given.grad))
    assert found[0][0].dtype == dtype
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@torch.no_grad()
def test_scores_fall_with_the_distance_as_in_alibi():
    attention = encoder("alibi").encoder.layer[0].attention.self
    hidden = torch.randn(9, 32)
    query, key, value = (part(hidden).unflatten(1, (2, 16)).transpose(0, 1) for part in
                         (attention.query, attention.key, attention.value))  # fmt: skip
    distance = torch.arange(9)[:, None].sub(torch.arange(9)).abs()
    scores = query @ key.mT / 4 - torch.tensor([2**-4, 2**-8])[:, None, None] * distance
    assert_close(attention(hidden, Packed.of([np.arange(9)])), (scores.softmax(-1) @ value).transpose(0, 1).flatten(1))


def test_slopes_are_those_of_the_paper():
    eight = tuple(2.0**-k for k in range(1, 9))
    assert slopes(8) == eight
    assert slopes(12) == (*eight, 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5)
    assert slopes(1) == (2**-8,)


@pytest.mark.parametrize("size", SIZES)
def test_any_size_goes_with_any_preset(size):
    layers, width = SIZES[size]
    for preset in ("none", *PRESETS):
        found = EncoderConfig(size=size, preset=preset)
        heads, inner = {"modernbert": (64, 1.5), "mobilebert": (128, 1)}.get(preset, (64, 4))
        assert (found.num_hidden_layers, found.hidden_size, found.num_attention_heads) == (
            layers,
            width,
            width // heads,
        )
        assert found.intermediate_size == width * inner
        assert EncoderConfig(**found.model_dump()) == found
        assert found.size == "none"
    assert EncoderConfig(size=size, hidden_size=64).num_hidden_layers == layers


def test_sizes_are_those_of_the_papers():
    counted = {}
    for size, preset, vocab_size in (("tiny", "none", 30_522), ("deep_17m", "modernbert", 50_368)):
        with torch.device("meta"):
            network = Encoder(EncoderConfig(size=size, preset=preset, max_position_embeddings=512), vocab_size)
        counted[size] = sum(each.numel() for each in network.parameters())
    assert counted == {"tiny": 4_385_920, "deep_17m": pytest.approx(17e6, rel=0.01)}


def test_a_preset_is_its_choices_and_each_can_be_another():
    found = EncoderConfig(preset="modernbert", hidden_size=128)
    assert EncoderConfig(**found.model_dump()) == found
    assert (found.positions, found.norm_place, found.ffn, found.biases) == ("rotary", "pre", "gated", "none")
    assert (found.intermediate_size, found.type_vocab_size, found.layer_norm_eps) == (192, 0, 1e-5)
    assert found.preset == "none"
    assert EncoderConfig(preset="modernbert", ffn="plain").ffn == "plain"
    assert [found.reach(layer) for layer in range(4)] == [-1, 64, 64, -1]
    assert [found.rope_theta(layer) for layer in range(2)] == [160_000.0, 10_000.0]


def test_the_presets_of_released_shapes_are_these_shapes():
    from mamebert.checkpoints.layouts import encoder_config

    asked = {"hidden_size": 512, "num_hidden_layers": 24, "max_position_embeddings": 512}
    released = {"model_type": "mobilebert", "vocab_size": 30_522, "attention_probs_dropout_prob": 0.0}
    assert encoder_config(released, "x") == EncoderConfig(preset="mobilebert", **asked)
    inside = EncoderConfig(preset="mobilebert", bottleneck={"normalization_type": "layer_norm"}).bottleneck
    assert (inside.intra_bottleneck_size, inside.normalization_type) == (64, "layer_norm")
    asked = {"hidden_size": 768, "num_hidden_layers": 12, "max_position_embeddings": 512}
    told = {**asked, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu"}
    released = {"model_type": "albert", "vocab_size": 30_000, **told}
    assert encoder_config(released, "x") == EncoderConfig(preset="albert", **asked)


def test_a_plain_bert_is_written_as_ever():
    assert "positions" not in EncoderConfig().model_dump()
    assert len(EncoderConfig().model_dump()) == 11


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"positions": "rotary", "hidden_size": 30, "num_attention_heads": 2}, "in pairs"),
        ({"norm_place": "pre", "shared": "all"}, "makes layers differ"),
        ({"local_attention": 1}, "nothing but itself"),
        ({"head": "prediction", "embedding_size": 8}, "narrower"),
        ({"preset": "modernbert", "bottleneck": {}}, "bottleneck"),
        ({"preset": "modern"}, "modernbert"),
    ],
)
def test_choices_that_exclude_each_other_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        EncoderConfig(**settings)


def test_layers_keep_their_kinds_in_their_places():
    shape = EncoderConfig(preset="modernbert", num_hidden_layers=7)
    require_same_kinds(shape, [0, 1, 4, 6])
    require_same_kinds(EncoderConfig(num_hidden_layers=4), [3, 1])
    with pytest.raises(UserError, match="Layer 1 cannot stand in the place of layer 0"):
        require_same_kinds(shape, [1, 2])
    with pytest.raises(UserError, match="Layer 3 cannot stand in the place of layer 1"):
        require_same_kinds(shape, [0, 3])


@torch.no_grad()
def test_longer_sequences_than_there_are_positions_are_refused():
    with pytest.raises(UserError, match="position of a token"):
        encoder("modernbert")(batch([81]))


def test_the_first_sums_are_no_larger_with_more_layers():
    deep = Encoder(EncoderConfig(preset="modernbert", num_hidden_layers=8), 50).encoder.layer[0]
    assert deep.output.dense.start_scale == deep.attention.output.dense.start_scale == 0.25
