"""The next word: what is asked, what is seen, and how it is kept."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.save import save_pretraining
from mamebert.config import build
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError
from mamebert.kernels import torch_only
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.serving.load import load
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.tasks import Task

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
PATHS = pytest.mark.parametrize("path", [nullcontext, torch_only])
SHAPES = {
    "bert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    "modern": {"preset": "modernbert", "hidden_size": 32, "num_hidden_layers": 3, "local_attention": 8},
}
LENGTHS = (70, 21, 5)


def network(name="bert"):
    torch.manual_seed(0)
    made = PretrainingNetwork(EncoderConfig(**SHAPES[name], max_position_embeddings=80, is_decoder=True), 100).eval()
    with torch.no_grad():
        for weights in made.parameters():
            weights.mul_(5 if weights.ndim > 1 else 1)
    return made


def packed(changed=None):
    sequences = [np.random.default_rng(n).integers(5, 100, n) for n in LENGTHS]
    if changed is not None:
        sequences[0][changed] = 99 if sequences[0][changed] != 99 else 98
    return Packed.of(sequences)


@PATHS
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("place", [1, 40, 69])
def test_no_token_sees_what_comes_after_it(name, path, place):
    made = network(name)
    with path(), torch.no_grad():
        before, after = made.bert(packed()), made.bert(packed(place))
    assert torch.equal(before[:place], after[:place])
    assert torch.equal(before[70:], after[70:])  # the neighbours in the pack
    assert not torch.allclose(before[place], after[place])


@pytest.mark.parametrize("name", SHAPES)
def test_all_ways_of_computing_agree(name):
    made, batch, places = network(name), packed(), torch.tensor([0, 3, 40, 69, 70, 90, 91, 95])
    with torch.no_grad():
        whole, some = made.bert(batch), made.bert(batch, places)
        with torch_only():
            by_torch = made.bert(batch)
        padded = made.bert.trace(Padded.of(batch)).hidden[-1]
    rows = torch.cat([row[:n] for row, n in zip(padded, LENGTHS, strict=True)])
    for other in (by_torch, rows):
        torch.testing.assert_close(whole, other, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(whole[places], some, atol=1e-5, rtol=1e-5)


def test_gradients_are_the_same_natively_and_by_torch():
    made, batch, found = network(), packed(), []
    for path in (nullcontext, torch_only):
        made.zero_grad()
        with path():
            made.bert(batch).square().sum().backward()
        found.append({name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None})
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], atol=1e-3, rtol=1e-3)


def test_every_token_of_the_text_is_asked_for_by_the_one_before(shards):
    objective = Objective.find("left_to_right_lm")(max_length=32)
    batch = EpochOfBatches(objective, shards, SPECIAL, 200, 0, 0)[0]
    ids = batch.packed.ids
    assert torch.equal(batch.targets, ids[batch.chosen + 1])
    assert batch.targets.min() >= 5
    assert len(batch.targets) == len(ids) - 2 * len(batch.packed.lengths)
    assert not (ids == SPECIAL["mask"]).any()
    moved = objective.shuffled(batch, seed=1)
    assert torch.equal(moved.targets, moved.packed.ids[moved.chosen + 1])
    assert torch.equal(moved.targets.sort().values, batch.targets.sort().values)
    assert not torch.equal(moved.targets, batch.targets)


def test_it_opens_as_a_decoder_in_plain_transformers_and_here(world, tmp_path):
    made = network()
    save_pretraining(made, world / "tokens" / "tokenizer", tmp_path / "model")
    assert '"BertLMHeadModel"' in (tmp_path / "model" / "config.json").read_text()
    opened = load_pretraining(tmp_path / "model")
    assert opened.bert.config == made.bert.config
    with torch.no_grad():
        torch.testing.assert_close(opened.eval().bert(packed()), made.bert(packed()))


def test_it_fills_no_masks(world, tmp_path):
    save_pretraining(network(), world / "tokens" / "tokenizer", tmp_path / "model")
    with pytest.raises(UserError, match="BertLMHeadModel, which answers no task"):
        load(tmp_path / "model")


def settings(**changes):
    return build(PretrainConfig, {"shards": "s", "output": "o", "training": {"steps": 1}, **changes})


def test_the_encoder_follows_from_the_objective():
    for spelt in ("left_to_right_lm", {"kind": "left_to_right_lm"}, Objective.find("left_to_right_lm")()):
        assert settings(objective=spelt).encoder.is_decoder
    assert settings(objective="left_to_right_lm", encoder=EncoderConfig(hidden_size=64)).encoder.is_decoder
    assert not settings().encoder.is_decoder
    assert "is_decoder" not in settings().model_dump()["encoder"]
    for wrong, sentence in (
        ({"objective": "left_to_right_lm", "encoder": {"is_decoder": False}}, "would see it"),
        ({"objective": "masked_lm", "encoder": {"is_decoder": True}}, "hidden words"),
        ({"objective": {"kind": "left_to_right_lm", "mask_rate": 0.3}}, "hides none"),
        ({"objective": "left_to_right_lm", "probe_texts": ["a [MASK]"]}, "fill no masks"),
    ):
        with pytest.raises(UserError, match=sentence):
            settings(**wrong)


def test_texts_are_read_by_their_means():
    from mamebert.encoder.readings import Reading
    from mamebert.tasks.data.features import TaskState
    from mamebert.tasks.network.task_network import TaskNetwork

    task, shape = Task.find("regression")(), network().bert.config
    with pytest.raises(UserError, match=r"sees nothing of a text.*reading\.tokens=mean"):
        TaskNetwork(task, shape, 100, TaskState(), Reading())
    assert TaskNetwork(task, shape, 100, TaskState(), Reading(tokens="mean")).reader.tokens == "mean"
