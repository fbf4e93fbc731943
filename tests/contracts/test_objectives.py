"""What every pretraining objective promises."""

import inspect

import numpy as np
import pytest
import torch

from mamebert.config import meaning
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.held_out_sums import HeldOutSums

pytestmark = pytest.mark.parametrize("kind", Objective.names())
SPECIAL = {"pad": 0, "cls": 2, "sep": 3, "mask": 4}
SMALL = {"contrast": {"pairs": 2}}
"""Settings with which a batch of some hundred tokens falls into parts."""
SHAPE = EncoderConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=32)


@pytest.fixture
def at_work(kind, world, asking):
    """An objective, a network without dropout and a batch of real shards."""
    objective = Objective.model_validate(asking(kind, **SMALL.get(kind, {})))
    shards = TokenShards.open(world / "tokens")
    torch.manual_seed(0)
    network = PretrainingNetwork(SHAPE.model_copy(update=dict(objective.encoder)), shards.vocab_size)
    objective.equip(network)
    network.eval()
    return objective, network, EpochOfBatches(objective, shards, SPECIAL, batch_tokens=512, seed=1, epoch=0)


def test_settings_survive_saving(kind):
    found = Objective.find(kind)
    objective = found(max_length=48, **({"mask_rate": 0.3} if found.hides == "words" else {}))
    assert Objective.model_validate(objective.model_dump(mode="json")) == objective
    assert objective.kind == kind


def test_it_explains_itself_and_its_settings(kind):
    found = Objective.find(kind)
    assert inspect.getdoc(found)
    assert inspect.getdoc(inspect.getmodule(found))
    assert not inspect.isabstract(found)
    assert all(meaning(found, name) for name in found.model_fields if name != "kind")


def test_its_loss_is_a_number_that_every_learning_part_hears(at_work):
    objective, network, batches = at_work
    losses = objective.loss(network, batches[0], batches[0].asked)
    losses.total.backward()
    assert losses.total.ndim == 0
    assert float(losses.total.detach()) == pytest.approx(float(sum(losses.parts.values())), rel=1e-5)
    asked = {name for name, p in network.named_parameters() if p.grad is not None and bool(p.grad.abs().sum())}
    assert "bert.embeddings.word_embeddings.weight" in asked
    assert any(name.endswith("cls.predictions.bias") for name in asked)  # a generator's, where it fills the masks


@pytest.mark.parametrize("number", [2, 3])
def test_the_losses_and_gradients_of_the_parts_add_up_to_the_batchs(at_work, number):
    objective, network, batches = at_work
    batch = batches[0]

    def learn(parts):
        network.zero_grad()
        found = [objective.loss(network, part, batch.asked) for part in parts]
        for each in found:
            each.total.backward()
        gradients = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
        return sum(each.total.item() for each in found), gradients

    at_once, wanted = learn([batch])
    in_parts, found = learn(batch.parts(number))
    assert in_parts == pytest.approx(at_once, rel=1e-6)
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-5, atol=1e-6)


def test_answers_agree_with_the_loss_and_are_counted(at_work):
    objective, network, batches = at_work
    so_far = HeldOutSums()
    with torch.no_grad():
        objective.answer(network, batches[0], so_far)
        parts = objective.loss(network, batches[0], batches[0].asked).parts
    found = so_far.summary()
    if "mlm_loss" in parts:  # all-tokens MLM does not learn from masks as held-out text is asked about
        assert found["heldout_mlm_loss"] == pytest.approx(float(parts["mlm_loss"]), rel=1e-5)
    assert so_far.asked == len(batches[0].targets)
    assert all(0 <= value <= 1 for name, value in found.items() if name.endswith("accuracy"))


def test_a_batch_says_the_same_on_its_way_to_a_device(at_work):
    _, _, batches = at_work
    batch = batches[0]
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.packed.ids, batch.packed.ids)
    assert torch.equal(moved.targets, batch.targets)
    assert np.array_equal(moved.packed.lengths, batch.packed.lengths)
