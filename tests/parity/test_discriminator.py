"""Generator and discriminator as plain transformers opens them: the same weights, the same numbers."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.load import load_discriminator, load_pretraining
from mamebert.checkpoints.start import start_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives import Objective

transformers = pytest.importorskip("transformers")
VOCAB, LENGTHS = 80, (31, 30, 12, 3)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(scope="module", params=[0, 16], ids=["wide", "narrow"])
def saved(request, world, tmp_path_factory):
    """A network with generator and discriminator, and the folders that it left."""
    torch.manual_seed(0)
    objective = Objective.find("replaced_token_detection")()
    shape = EncoderConfig(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=40,
                          pooler_act="gelu", embedding_size=request.param)  # fmt: skip
    network = PretrainingNetwork(shape, VOCAB)
    objective.equip(network)
    folder = tmp_path_factory.mktemp("electra") / "model"
    return network.eval(), *objective.save(network, world / "tokens" / "tokenizer", folder)


def asked():
    sequences = [np.random.default_rng(n).integers(5, VOCAB, n) for n in LENGTHS]
    ids = torch.tensor(np.stack([np.pad(s, (0, max(LENGTHS) - len(s))) for s in sequences]))
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return Packed.of(sequences), {"input_ids": ids, "attention_mask": mask.long()}, mask


def opened(kind, folder):
    model, about = kind.from_pretrained(folder, output_loading_info=True)
    assert not about["missing_keys"]
    assert not about["unexpected_keys"]
    return model.eval()


@torch.no_grad()
def test_the_discriminator_is_that_of_electra_for_pre_training(saved):
    network, folder, _ = saved
    packed, padded, mask = asked()
    theirs = opened(transformers.ElectraForPreTraining, folder)(**padded).logits[mask]
    assert_close(network.beside["discriminator_predictions"](network.bert(packed)), theirs, **CLOSE)
    encoder, head = load_discriminator(folder)
    assert_close(head(encoder.eval()(packed)), theirs, **CLOSE)


@torch.no_grad()
def test_the_generator_is_that_of_electra_for_masked_lm(saved):
    network, _, folder = saved
    packed, padded, mask = asked()
    generator = network.beside["generator"]
    theirs = opened(transformers.ElectraForMaskedLM, folder)(**padded).logits[mask]
    assert_close(generator.cls.predictions(generator.bert(packed)), theirs, **CLOSE)
    again = load_pretraining(folder).eval()
    assert_close(again.cls.predictions(again.bert(packed)), theirs, **CLOSE)


def test_more_pretraining_and_tasks_begin_with_the_discriminator(saved):
    network, folder, _ = saved
    found, new = start_pretraining(folder)
    assert "masked words" in new
    ours, theirs = (each.bert.encoder.layer[2].output.dense.weight for each in (network, found))
    assert torch.equal(ours, theirs)
