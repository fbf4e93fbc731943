"""Replaced-token detection: what the discriminator sees, what is asked of it, and what is measured."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mamebert.config import build
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.beside.generator import sample
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.stages.compress.settings import CompressConfig
from mamebert.stages.pretrain.settings import PretrainConfig

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
SHAPE = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=32,
                      pooler_act="gelu")  # fmt: skip


@pytest.fixture
def at_work(shards):
    objective = Objective.find("replaced_token_detection")(max_length=32)
    torch.manual_seed(0)
    network = PretrainingNetwork(SHAPE, shards.vocab_size)
    objective.equip(network)
    return objective, network.eval(), EpochOfBatches(objective, shards, SPECIAL, 400, 0, 0)[0]


def what_is_shown(network, batch):
    generator = network.beside["generator"]
    guesses = sample(generator, generator.bert(batch.packed, batch.chosen), batch.draws[:, 0])
    return batch.packed.ids.index_copy(0, batch.chosen, guesses)


@torch.no_grad()
def test_every_token_is_judged_and_right_guesses_are_real(at_work):
    objective, network, batch = at_work
    head = network.beside["generator"].cls.predictions
    head.bias[batch.targets[0]] = 30  # so that some guesses are right
    losses = objective.loss(network, batch, batch.asked)
    shown = what_is_shown(network, batch)
    assert not (shown == SPECIAL["mask"]).any()
    replaced = shown != batch.originals
    assert 0 < replaced.sum() < len(batch.chosen)
    scores = network.beside["discriminator_predictions"](network.bert(batch.showing(shown)))
    assert scores.shape == (400,)
    expected = 50 * binary_cross_entropy_with_logits(scores, replaced.float())
    assert float(losses.parts["discriminator_loss"]) == pytest.approx(float(expected), rel=1e-4)


def test_generator_and_discriminator_teach_their_common_embeddings(at_work):
    objective, network, batch = at_work
    losses = objective.loss(network, batch, batch.asked)
    losses.total.backward()
    without = {name for name, p in network.named_parameters() if p.grad is None}
    assert all(name.startswith(("cls.", "bert.pooler.")) for name in without)
    assert network.beside["generator"].bert.embeddings.word_embeddings is network.bert.embeddings.word_embeddings
    assert network.beside["generator"].bert.config.hidden_size == 8


@torch.no_grad()
def test_held_out_text_asks_both_networks(at_work):
    objective, network, batch = at_work
    head = network.beside["discriminator_predictions"]
    head.dense_prediction.weight.zero_()
    head.dense_prediction.bias.fill_(9.0)  # everything is replaced, it says
    sums = HeldOutSums()
    objective.answer_and_shuffle(network, batch, 1, sums)
    found = sums.summary()
    assert found["heldout_discriminator_accuracy"] == pytest.approx(0.5)
    assert sums.replaced + sums.kept == 400
    assert found["heldout_mlm_loss"] == pytest.approx(
        float(objective.loss(network, batch, batch.asked).parts["generator_loss"]), rel=1e-5
    )
    assert found["order_gain"] == pytest.approx(0, abs=1e-5)  # blind to everything, so to order
    assert sums.asked_in_disorder == len(batch.chosen)


def settings(**changes):
    objective = "replaced_token_detection"
    return build(PretrainConfig, {"shards": "s", "output": "o", "training": {"steps": 1}, "objective": objective,
                                  **changes})  # fmt: skip


def test_it_asks_for_an_electra():
    found = settings(encoder={"hidden_size": 64, "embedding_size": 32})
    assert found.encoder.pooler_act == "gelu"
    assert "model-generator" in found.places()
    for wrong, sentence in (
        ({"encoder": {"preset": "modernbert"}}, "leaves an ELECTRA"),
        ({"probe_texts": ["a [MASK]"]}, "fill no masks"),
    ):
        with pytest.raises(UserError, match=sentence):
            settings(**wrong)


def test_compress_does_not_train_two_networks():
    with pytest.raises(UserError, match=r"second network.*objective\.kind=masked_lm"):
        build(CompressConfig, {"model": "m", "output": "o", "method": "distilbert", "shards": "s",
                               "objective": "replaced_token_detection"})  # fmt: skip
