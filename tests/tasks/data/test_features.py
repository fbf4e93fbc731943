"""Which examples share a batch, and how they lie in it."""

import numpy as np
import pytest
import torch

from mamebert.config import build
from mamebert.encoder.model import Encoder
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks.data.batching import batches_of_like_length
from mamebert.tasks.data.features import Features, pack
from mamebert.tasks.network.reader import Reader


def features_of(lengths) -> list[Features]:
    return [Features([np.arange(length)], [np.zeros(1, np.int64)]) for length in lengths]


def padded_share(features, found) -> float:
    real = sum(len(each.sequences[0]) for each in features)
    return sum(len(rows) * max(len(features[row].sequences[0]) for row in rows) for rows in found) / real


def test_batches_of_like_length_hold_every_example_once_and_hardly_any_padding():
    lengths = np.random.default_rng(0).geometric(0.04, 3000).clip(3, 128)
    features = features_of(lengths)
    found = batches_of_like_length(features, 1024, np.random.default_rng(1))
    assert sorted(row for rows in found for row in rows) == list(range(3000))
    assert all(sum(lengths[row] for row in rows) <= 1024 for rows in found)
    assert padded_share(features, found) < 1.15


def test_batches_of_like_length_differ_from_seed_to_seed_and_come_in_no_order_of_length():
    features = features_of(np.random.default_rng(0).integers(3, 60, 500))
    one, other, again = (batches_of_like_length(features, 256, np.random.default_rng(seed)) for seed in (1, 2, 1))
    assert one == again
    assert {tuple(sorted(rows)) for rows in one} != {tuple(sorted(rows)) for rows in other}
    longest = [max(len(features[row].sequences[0]) for row in rows) for rows in one]
    assert abs(np.corrcoef(np.arange(len(longest)), longest)[0, 1]) < 0.4


def test_a_batch_is_filled_up_to_a_number_of_tokens_and_reads_that_seldom_changes():
    rng, found = np.random.default_rng(0), set()
    for _ in range(200):
        lengths = rng.integers(3, 40, 16)
        features = [Features([np.arange(n)], [np.arange(n - 2)]) for n in lengths]
        batch = pack(features, range(16))
        packed, places = batch.filled_up
        tokens, reads = len(batch.packed.ids), len(batch.places)
        found.add((len(packed.ids), len(places)))
        assert tokens <= len(packed.ids) <= 1.15 * (tokens + 16)
        assert sum(packed.lengths) == len(packed.ids) == len(packed.positions) == len(packed.segments)
        assert packed.lengths[:16] == batch.packed.lengths
        assert max(packed.lengths) == max(lengths)
        assert torch.equal(packed.ids[:tokens], batch.packed.ids)
        assert torch.equal(places[:reads], batch.places)
        assert (places.diff() > 0).all()
        assert places[-1] < len(packed.ids)
    assert len(found) < 25


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
@pytest.mark.parametrize("tokens", ["asked", "mean", "pair"])
def test_what_fills_a_batch_up_changes_neither_hidden_states_nor_gradients(preset, tokens):
    shape = build(EncoderConfig, {"preset": preset} if preset != "bert" else {})
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    shape = shape.model_copy(update={**small, "max_position_embeddings": 64, "hidden_dropout_prob": 0.0})
    bert, reader = Encoder(shape, 50), Reader(Reading(tokens=tokens), shape)
    rng = np.random.default_rng(1)
    batch = pack([Features([rng.integers(0, 50, n)], [np.arange(0, n, 2)]) for n in (5, 31, 17)], range(3))
    assert len(batch.filled_up[0].ids) > len(batch.packed.ids)
    gradients, states = [], []
    for packed, places in ((batch.packed, batch.places), batch.filled_up):
        bert.zero_grad()
        states.append(reader.gather(bert, packed, places)[batch.order])
        states[-1].square().sum().backward()
        gradients.append([p.grad.clone() for p in bert.parameters() if p.grad is not None])
    torch.testing.assert_close(*states, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)
