import pytest
import torch

from mamebert.encoder.first_positions import PositionEmbeddings, sinusoids, start_positions
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig


def network(**shape):
    torch.manual_seed(0)
    settings = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64}
    return PretrainingNetwork(EncoderConfig(**{**settings, **shape}), vocab_size=50)


def started(**settings):
    made = network()
    start_positions(made, PositionEmbeddings(**settings))
    return made.state_dict()


TABLE = "bert.embeddings.position_embeddings.weight"


def test_sinusoids_differ_everywhere_and_products_of_rows_tell_the_distance():
    rows = sinusoids(600, 32)
    products = rows @ rows.T
    for distance in (1, 5, 100):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-3, atol=1e-3)
    assert (products - products.diagonal().diag()).max() < products.diagonal().min()


@pytest.mark.parametrize(
    ("settings", "length"),
    [({"init": "sinusoidal"}, 1), ({"norm": 0.5}, 0.5), ({"init": "sinusoidal", "norm": 0.2}, 0.2)],
)
def test_rows_have_the_length_asked_for(settings, length):
    assert float(started(**settings)[TABLE].norm(dim=1).mean()) == pytest.approx(length, rel=1e-5)


def test_nothing_else_begins_otherwise():
    plain, found = network().state_dict(), started(init="sinusoidal")
    assert [name for name in plain if not torch.equal(plain[name], found[name])] == [TABLE]
    assert all(torch.equal(tensor, found) for tensor, found in zip(plain.values(), started().values(), strict=True))


def test_a_narrow_table_of_odd_width_is_started_too():
    made = network(embedding_size=15)
    start_positions(made, PositionEmbeddings(init="sinusoidal"))
    assert made.state_dict()[TABLE].shape == (64, 15)
