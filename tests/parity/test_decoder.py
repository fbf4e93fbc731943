"""Decoders of plain transformers and ours: the same weights, the same numbers."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.save import save_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import TaskNetwork, open_network, plain_logits, save_network

transformers = pytest.importorskip("transformers")
VOCAB, LENGTHS = 80, (31, 30, 12, 3)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture
def network():
    torch.manual_seed(0)
    shape = EncoderConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=40, is_decoder=True
    )
    return PretrainingNetwork(shape, VOCAB).eval()


def asked():
    """The same sequences packed, and padded for plain transformers."""
    sequences = [np.random.default_rng(n).integers(5, VOCAB, n) for n in LENGTHS]
    ids = torch.tensor(np.stack([np.pad(s, (0, max(LENGTHS) - len(s))) for s in sequences]))
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return Packed.of(sequences), {"input_ids": ids, "attention_mask": mask.long()}, mask


def test_scores_of_the_next_word_are_those_of_bert_lm_head_model(network, world, tmp_path):
    save_pretraining(network, world / "tokens" / "tokenizer", tmp_path / "model")
    theirs, about = transformers.BertLMHeadModel.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not about["missing_keys"]
    assert not about["unexpected_keys"]
    packed, padded, mask = asked()
    with torch.no_grad():
        found = theirs.eval()(**padded).logits[mask]
        assert_close(network.cls.predictions(network.bert(packed)), found, **CLOSE)


def test_tags_of_a_decoder_are_those_of_plain_transformers(network, world, tmp_path):
    save_pretraining(network, world / "tokens" / "tokenizer", tmp_path / "model")
    task, learnt = Task.find("tagging")(max_length=40), TaskState(("a", "b", "c"))
    made = TaskNetwork(task, network.bert.config, VOCAB, learnt, Reading()).eval()
    save_network(made, task, learnt, Reading(), tmp_path / "model", tmp_path / "tagger")
    assert json.loads((tmp_path / "tagger" / "config.json").read_text())["is_decoder"] is True
    theirs = transformers.BertForTokenClassification.from_pretrained(tmp_path / "tagger").eval()
    *_, opened = open_network(tmp_path / "tagger")
    packed, padded, mask = asked()
    with torch.no_grad():
        ours = plain_logits(tmp_path / "tagger", packed)["logits"]
        assert_close(ours, theirs(**padded).logits[mask], **CLOSE)
    assert opened.bert.config.is_decoder
