"""The same weights give the same numbers as plain transformers, both ways."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.save import save_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import start_network

transformers = pytest.importorskip("transformers")

VOCAB = 120
SHAPE = EncoderConfig(
    hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=80, max_position_embeddings=40
)
LENGTHS = (31, 30, 12, 3)
# New ones have LayerNorm 1 and biases 0, which would hide a weight in the wrong place.
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def scramble(network):
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return [rng.integers(1, VOCAB, n) for n in LENGTHS], [(np.arange(n) > n // 2).astype(np.int64) for n in LENGTHS]


def padded(batch):
    rows = [torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in part], batch_first=True) for part in batch]
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(n, dtype=torch.long) for n in LENGTHS], batch_first=True)
    return {"input_ids": rows[0], "token_type_ids": rows[1], "attention_mask": mask}


def unpadded(values):
    return torch.cat([values[row, :n] for row, n in enumerate(LENGTHS)])


@torch.no_grad()
@pytest.mark.parametrize("tied", [True, False])
def test_pretraining_ours_to_theirs(tmp_path, batch, tied):
    ours = scramble(PretrainingNetwork(SHAPE, VOCAB, tied))
    (tmp_path / "tokenizer").mkdir()
    save_pretraining(ours, tmp_path / "tokenizer", tmp_path / "model")
    theirs, about = transformers.BertForPreTraining.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not (about["missing_keys"])
    assert not (about["unexpected_keys"])
    assert not (about["mismatched_keys"])
    hidden = ours.bert(Packed.of(*batch))
    out = theirs.eval()(**padded(batch))
    assert_close(ours.cls.predictions(hidden), unpadded(out.prediction_logits), **CLOSE)
    follows = ours.cls.seq_relationship(ours.bert.pooled(hidden[Packed.of(*batch).firsts]))
    assert_close(follows, out.seq_relationship_logits, **CLOSE)


@torch.no_grad()
def test_pretraining_theirs_to_ours(tmp_path, batch):
    config = transformers.BertConfig(vocab_size=VOCAB, **SHAPE.model_dump())
    theirs = scramble(transformers.BertForPreTraining(config))
    theirs.save_pretrained(tmp_path)
    ours = load_pretraining(tmp_path).eval()
    assert_close(
        ours.cls.predictions(ours.bert(Packed.of(*batch))), unpadded(theirs(**padded(batch)).prediction_logits), **CLOSE
    )


@torch.no_grad()
@pytest.mark.parametrize("name", ["BertModel", "BertForMaskedLM"])
def test_a_task_starts_from_any_bert_folder(tmp_path, batch, name):
    config = transformers.BertConfig(vocab_size=VOCAB, **SHAPE.model_dump())
    theirs = scramble(getattr(transformers, name)(config))
    theirs.save_pretrained(tmp_path)
    ours = start_network(Classification(max_length=40), tmp_path, TaskState(("a", "b", "c")), Reading()).eval()
    body = theirs if name == "BertModel" else theirs.bert
    assert_close(ours.bert(Packed.of(*batch)), unpadded(body(**padded(batch)).last_hidden_state), **CLOSE)


def test_gradients_of_a_ragged_batch_are_theirs(tmp_path, batch):
    ours = scramble(PretrainingNetwork(SHAPE, VOCAB))
    (tmp_path / "tokenizer").mkdir()
    save_pretraining(ours, tmp_path / "tokenizer", tmp_path / "model")
    theirs = transformers.BertForPreTraining.from_pretrained(tmp_path / "model").eval()
    chosen, targets = torch.tensor([2, 7, 40, 62, 75]), torch.tensor([3, 9, 27, 81, 5])
    packed = Packed.of(*batch)
    loss = ours.cls.predictions.loss(ours.bert(packed)[chosen], targets)
    expected = torch.nn.functional.cross_entropy(unpadded(theirs(**padded(batch)).prediction_logits)[chosen], targets)
    assert_close(loss, expected, atol=1e-6, rtol=1e-6)
    loss.backward()
    expected.backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        if parameter.grad is not None:
            assert_close(parameter.grad, gradients[name], atol=1e-5, rtol=1e-4, msg=name)
