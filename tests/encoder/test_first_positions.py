import pytest
import torch

from mamebert.encoder.first_positions import PositionEmbeddings, sinusoids, start_positions
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError


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


def some_tokens():
    ids = torch.randint(5, 50, (4, 40), generator=torch.Generator().manual_seed(0))
    return Padded(ids, torch.zeros_like(ids), torch.ones_like(ids, dtype=torch.bool))


def attention_of(num_layers=2, **settings):
    made = network(hidden_size=128, num_hidden_layers=num_layers)
    start_positions(made, PositionEmbeddings(init="sinusoidal", **settings))
    seen = made.bert.trace(some_tokens())
    return [each.mean(0) for each in seen.attention]  # heads tokens tokens


def test_heads_that_look_at_neighbours_see_the_token_before_and_the_one_behind():
    (before, behind), _ = attention_of(heads="neighbours")
    assert (before[1:].argmax(-1) == torch.arange(39)).float().mean() > 0.9
    assert (behind[:-1].argmax(-1) == torch.arange(1, 40)).float().mean() > 0.9


@pytest.mark.parametrize(("layers", "lower"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_the_upper_half_of_the_layers_sees_all_alike_so_that_cls_reads_the_whole_text(layers, lower):
    peaks = [layer.max().item() for layer in attention_of(layers, heads="neighbours")]
    assert [peak > 0.3 for peak in peaks] == [True] * lower + [False] * (layers - lower)
    assert all(peak < 0.05 for peak in peaks[lower:])


def test_heads_that_look_anywhere_see_all_alike():
    assert max(layer.max().item() for layer in attention_of()) < 0.05


def test_the_third_head_looks_two_tokens_back():
    made = network(hidden_size=256, num_attention_heads=4, num_hidden_layers=1)
    start_positions(made, PositionEmbeddings(init="sinusoidal", heads="neighbours"))
    seen = made.bert.trace(some_tokens())
    third = seen.attention[0][:, 2].mean(0)
    assert (third[2:].argmax(-1) == torch.arange(38)).float().mean() > 0.9


def test_neighbours_are_found_by_waves_alone():
    with pytest.raises(UserError, match="positions\\.init=sinusoidal"):
        PositionEmbeddings(heads="neighbours")


def test_a_frozen_table_does_not_learn_and_all_else_does():
    made = network()
    start_positions(made, PositionEmbeddings(init="sinusoidal", frozen=True))
    assert [name for name, each in made.named_parameters() if not each.requires_grad] == [TABLE]
