import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.config import build
from mamebert.encoder.model import Encoder, initialise
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.reader import Reader
from mamebert.tasks.network.task_network import TaskNetwork

SHAPE = EncoderConfig(
    hidden_size=16, num_hidden_layers=5, num_attention_heads=2, intermediate_size=24, max_position_embeddings=16
)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture
def bert():
    torch.manual_seed(2)
    found = Encoder(SHAPE, vocab_size=30)
    initialise(found, 0.3)  # so that layers differ
    return found.eval()


def packed(*lengths):
    rng = np.random.default_rng(1)
    return Packed.of([rng.integers(1, 30, n) for n in lengths], [np.zeros(n, np.int64) for n in lengths])


def reader(**settings):
    torch.manual_seed(3)
    return Reader(build(Reading, settings), SHAPE)


@torch.no_grad()
def test_layers_are_numbered_as_the_hidden_states_of_transformers(bert):
    from transformers import BertConfig, BertModel

    theirs = BertModel(BertConfig(vocab_size=30, **SHAPE.model_dump(include=set(BertConfig().to_dict())))).eval()
    theirs.load_state_dict(dict(bert.named_parameters()), strict=False)
    batch = packed(9)
    states = theirs(batch.ids[None], output_hidden_states=True).hidden_states
    places = torch.tensor([0, 3, 8])
    for numbers in ([0], [1], [5], [-1], [-2], [-6], [-4, -3, -2, -1], [3, 0], "all"):
        wanted = range(6) if numbers == "all" else numbers
        found = reader(layers=numbers).gather(bert, batch, places)
        assert_close(found, torch.stack([states[n][0, places] for n in wanted], 1), **CLOSE)


@torch.no_grad()
def test_the_last_four_layers_stand_side_by_side(bert):
    four = reader(layers=[-4, -3, -2, -1])
    batch, places = packed(6, 4), torch.arange(10)
    states = list(bert.hidden_states(batch))
    assert four.width == 64
    found = four(four.gather(bert, batch, places), [6, 4])
    assert_close(found, torch.cat([states[n] for n in (2, 3, 4, 5)], 1), rtol=0, atol=0)


def test_a_weighted_sum_is_the_scalar_mix_and_its_weights_learn():
    mix = reader(layers="all", join="weighted_sum")
    gathered, wanted = torch.randn(10, 6, 16), torch.randn(10, 16)
    assert mix.width == 16
    assert_close(mix(gathered, [6, 4]), gathered.mean(1), **CLOSE)  # all layers alike at first
    with torch.no_grad():
        mix.scores.copy_(torch.tensor([0.1, -2, 3, 0.5, 0, 1]))
        mix.gamma.fill_(1.7)
    mixed = mix(gathered, [6, 4])
    weights = mix.scores.detach().exp() / mix.scores.detach().exp().sum()
    assert_close(mixed, 1.7 * sum(weights[n] * gathered[:, n] for n in range(6)), **CLOSE)
    (mixed * wanted).sum().backward()
    each = (gathered * wanted[:, None]).sum((0, 2))
    assert_close(mix.gamma.grad, (weights * each).sum(), **CLOSE)
    assert_close(mix.scores.grad, 1.7 * weights * (each - (weights * each).sum()), **CLOSE)


@torch.no_grad()
def test_an_lstm_reads_each_example_alone_whatever_stands_beside_it():
    lstm = reader(layers=[-1], lstm_size=7)
    torch.manual_seed(5)
    counts = [4, 1, 6, 3]
    gathered = torch.randn(sum(counts), 1, 16)
    together = lstm(gathered, counts)
    assert (together.shape, lstm.width) == ((14, 14), 14)
    for rows, found in zip(gathered.split(counts), together.split(counts), strict=True):
        assert_close(lstm(rows, [len(rows)]), found, **CLOSE)
    assert_close(lstm(gathered.flip(0), counts[::-1])[0], lstm(gathered.split(counts)[-1].flip(0), [3])[0], **CLOSE)


@torch.no_grad()
def test_an_lstm_goes_both_ways_within_an_example():
    lstm = reader(layers=[-1], lstm_size=7)
    first, other = torch.randn(2, 5, 1, 16)
    before = lstm(torch.cat([first, other]), [5, 5])
    first[2] += 1
    after = lstm(torch.cat([first, other]), [5, 5])
    assert ((before != after).any(1)).tolist() == [True] * 5 + [False] * 5


@pytest.mark.parametrize("layers", [[6], [-7], [-1, 99]])
def test_a_layer_that_is_not_there_is_told(layers):
    with pytest.raises(
        UserError, match=r"names layer -?\d+, and the encoder has 5\. Choose from 0 .* to 5, or from -1"
    ):
        reader(layers=layers)


@pytest.mark.parametrize("settings", [{"layers": []}, {"layers": "last"}, {"join": "sum"}, {"lstm_size": -1}])
def test_what_no_reading_is_is_told(settings):
    with pytest.raises(UserError):
        build(Reading, settings)


@torch.no_grad()
def test_the_mean_of_a_sequence_stands_in_the_place_of_its_cls(bert):
    means = reader(layers=[0, -1], tokens="mean")
    batch = packed(6, 4)
    states = list(bert.hidden_states(batch))
    found = means.gather(bert, batch, torch.tensor([0, 6]))
    expected = [torch.stack([states[n][rows].mean(0) for n in (0, 5)]) for rows in (range(6), range(6, 10))]
    assert_close(found, torch.stack(expected), **CLOSE)
    assert not build(Reading, {"tokens": "mean"}).is_last
    assert build(Reading, {"tokens": "asked"}).is_last


def test_only_tasks_that_read_texts_can_read_means():
    learnt, means = TaskState(("a", "b")), Reading(tokens="mean")
    with pytest.raises(UserError, match="tagging reads tokens by themselves"):
        TaskNetwork(Task.find("tagging")(), SHAPE, 30, learnt, means)
    network = TaskNetwork(Task.find("classification")(), SHAPE, 30, learnt, means)
    assert network.reader.tokens == "mean"


@torch.no_grad()
def test_of_a_pair_both_texts_their_distance_and_product_are_read(bert):
    pair, batch = reader(tokens="pair"), packed(6, 4)
    sides = torch.tensor([0, 0, 0, 1, 1, 1, 0, 0, 1, 1])
    batch = Packed(batch.ids, sides, batch.positions, batch.lengths)
    *_, last = bert.hidden_states(batch)
    found = pair(pair.gather(bert, batch, torch.tensor([0, 6])), [1, 1])
    assert found.shape == (2, pair.width) == (2, 4 * SHAPE.hidden_size)
    for row, (first, second) in zip(found, [((0, 3), (3, 6)), ((6, 8), (8, 10))], strict=True):
        one, other = last[slice(*first)].mean(0), last[slice(*second)].mean(0)
        assert_close(row, torch.cat([one, other, (one - other).abs(), one * other]), **CLOSE)


def test_only_tasks_about_pairs_can_read_pairs():
    pair = Reading(tokens="pair")
    with pytest.raises(UserError, match="classification is not asked about pairs of texts here"):
        TaskNetwork(Task.find("classification")(), SHAPE, 30, TaskState(("a", "b")), pair)
    for task in (Task.find("classification")(second_columns=["second"]), Task.find("multiple_choice")()):
        assert TaskNetwork(task, SHAPE, 30, TaskState(("a", "b")), pair).reader.tokens == "pair"
