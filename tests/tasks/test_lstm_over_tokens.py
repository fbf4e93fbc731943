"""A BiLSTM along all tokens of a sequence (BERT's ablation, "+ BiLSTM"): what the head reads stands behind it."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.goals import TaskGoal
from mamebert.config import build
from mamebert.encoder.model import initialise
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.stages.finetune.hidden_state_cache import HiddenStates
from mamebert.tasks import Task
from mamebert.tasks.data.features import FIRST, Features, TaskState, pack
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import TaskNetwork

SHAPE = EncoderConfig(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=16
)
LEFT_TO_RIGHT = SHAPE.model_copy(update={"is_decoder": True})
LEARNT = TaskState(("a", "b", "c"))
LENGTHS = (5, 9, 2, 7)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
OVER_TOKENS = {"lstm_size": 6, "lstm_over": "tokens"}


def made(kind, shape=SHAPE, **reading):
    torch.manual_seed(3)
    network = TaskNetwork(Task.find(kind)(), shape, 30, LEARNT, build(Reading, {**OVER_TOKENS, **reading}))
    initialise(network, 0.3)
    return network.eval()


def texts(places=None):
    rng = np.random.default_rng(1)
    return [Features([rng.integers(1, 30, n)], [FIRST if places is None else places(n)]) for n in LENGTHS]


def odd(length):
    return np.arange(1, length, 2)


CASES = [("classification", {}, None), ("classification", {"tokens": "mean"}, None), ("tagging", {}, odd)]


@torch.no_grad()
@pytest.mark.parametrize("shape", [SHAPE, LEFT_TO_RIGHT], ids=["both sides", "left to right"])
@pytest.mark.parametrize(("kind", "reading", "places"), CASES, ids=["cls", "mean", "words"])
def test_states_are_those_of_each_sequence_by_itself_whatever_stands_beside_it(kind, reading, places, shape):
    network, features = made(kind, shape, **reading), texts(places)
    batch = pack(features, range(len(features)))
    together = network(batch)
    alone = [network(pack(features, [row])) for row in range(len(features))]
    assert together.shape == (sum(batch.counts), 3)
    assert_close(together, torch.cat(alone), **CLOSE)
    for each, found in zip(features, together.split(batch.counts), strict=True):  # by the formula
        states = network.bert(pack([each], [0]).packed)
        along = network.reader.lstm(states[None])[0][0]
        read = along.mean(0, keepdim=True) if reading else along[each.places[0]]
        assert_close(found, network.head.classifier(read), **CLOSE)


@torch.no_grad()
def test_from_left_to_right_a_token_sees_nothing_ahead_and_the_lstm_does():
    network, features = made("classification", LEFT_TO_RIGHT), texts()
    before, batch = network(pack(features, [1])), pack(features, [1])
    gathered = network.gather(batch)
    assert gathered.shape == (9, 1, 16)
    batch.packed.ids[6] = 1 + batch.packed.ids[6] % 29
    changed = (network.gather(batch) != gathered).flatten(1).any(1)
    assert changed.tolist() == [False] * 6 + [True] * 3
    assert (network(batch) != before).all()  # [CLS], which reads to the end and back


@torch.no_grad()
@pytest.mark.parametrize(("kind", "reading", "places"), CASES, ids=["cls", "mean", "words"])
def test_kept_states_and_the_states_of_a_pass_give_the_same(kind, reading, places):
    network, features = made(kind, **reading), texts(places)
    kept = HiddenStates(network, features)
    straight = raw_outputs(network_task := Task.find(kind)(), network, features)
    for a, b in zip(raw_outputs(network_task, network, features, gather=kept.gather), straight, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    batch = pack(features, [2, 0, 3])
    goal = TaskGoal(network_task, LEARNT, build(Reading, {**OVER_TOKENS, **reading}))
    assert_close(goal.conclude(network, batch, list(network.bert.hidden_states(batch.packed))), network(batch), **CLOSE)


def test_what_fills_a_batch_up_in_training_changes_nothing(monkeypatch):
    network, features = made("tagging"), texts(odd)
    batch = pack(features, range(4))
    expected = network.gather(batch)
    monkeypatch.setattr(network.bert, "compute_dtype", torch.bfloat16)
    network.train()
    found = network.gather(pack(features, range(4)))
    assert len(batch.of_all_tokens.filled_up[0].ids) > sum(LENGTHS)
    assert found.shape == expected.shape == (sum(LENGTHS), 1, 16)


def test_gradients_reach_the_encoder_and_both_directions():
    network = made("classification", LEFT_TO_RIGHT).train()
    network(pack(texts(), range(4))).sum().backward()
    learns = {name for name, each in network.named_parameters() if each.grad is not None and each.grad.abs().sum() > 0}
    assert {"reader.lstm.weight_ih_l0", "reader.lstm.weight_hh_l1_reverse"} <= learns
    assert any(name.startswith("bert.encoder.") for name in learns)


def test_cls_of_an_encoder_from_left_to_right_is_read_behind_such_an_lstm_alone():
    with pytest.raises(UserError, match=r"sees nothing of a text.*reading.lstm_over=tokens"):
        TaskNetwork(Task.find("classification")(), LEFT_TO_RIGHT, 30, LEARNT, Reading(lstm_size=6))
    assert made("classification", LEFT_TO_RIGHT)


def test_a_reading_without_it_is_the_reading_that_it_was():
    assert "lstm_over" not in Reading(lstm_size=4).model_dump()
    with pytest.raises(UserError, match=r"lstm_over belongs to a BiLSTM\. Set reading\.lstm_size"):
        build(Reading, {"lstm_over": "tokens"})
