from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.save import save_pretraining
from mamebert.config import build
from mamebert.encoder.fixed_embeddings import TokenEmbeddings, count_parameters, freeze, set_token_embeddings, words
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.kernels import torch_only
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training

VOCAB, WIDTH = 60, 32
SHAPE = EncoderConfig(hidden_size=WIDTH, num_hidden_layers=1, max_position_embeddings=16)
LEARNT = torch.arange(VOCAB) >= 5


def learn(network, optimizer, steps=3):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        batch = Packed.of([rng.integers(0, VOCAB, 12)])
        network.cls.predictions.loss(network.bert(batch), torch.from_numpy(rng.integers(0, VOCAB, 12))).backward()
        optimizer.step()
        optimizer.zero_grad()


def fixed(settings, tied=True):
    network = PretrainingNetwork(SHAPE, VOCAB, tied)
    table = torch.randn(VOCAB, WIDTH)
    set_token_embeddings(network, table)
    freeze(network, settings, LEARNT)
    exact = [words(network)] if settings.special_trainable else []
    return network, table, make_optimizer(network, Training(steps=1, peak_lr=0.1, weight_decay=0.5), keep_exact=exact)


def test_frozen_means_bit_identical_without_gradient_or_state():
    network, table, optimizer = fixed(TokenEmbeddings(vectors="somewhere"))
    bias_before = network.cls.predictions.bias.clone()
    learn(network, optimizer)
    assert torch.equal(words(network), table)
    assert words(network).grad is None
    assert all(p is not words(network) for group in optimizer.param_groups for p in group["params"])
    assert not torch.equal(network.cls.predictions.bias, bias_before)


@pytest.mark.parametrize("path", [nullcontext, torch_only])
def test_a_frozen_table_may_be_kept_in_half_the_memory(path, tmp_path):
    network, table, optimizer = fixed(TokenEmbeddings(vectors="somewhere", storage="bfloat16"))
    with path():
        learn(network, optimizer)
        assert torch.equal(words(network), table.bfloat16())
        batch = Packed.of([np.arange(5, 17)])
        ours = network.eval().cls.predictions(network.bert(batch))
        (tmp_path / "tokenizer").mkdir()
        save_pretraining(network, tmp_path / "tokenizer", tmp_path / "model")
        loaded = load_pretraining(tmp_path / "model").eval()
        assert words(loaded).dtype == torch.float32
        assert_close(loaded.cls.predictions(loaded.bert(batch)), ours)


def test_a_table_that_will_learn_is_not_kept_in_bfloat16():
    for learns in ({"frozen": False}, {"special_trainable": True}, {"unfreeze_after_epochs": 1}):
        with pytest.raises(UserError, match="storage=float32"):
            build(TokenEmbeddings, {"vectors": "somewhere", "storage": "bfloat16", **learns})


def test_the_trainable_count_falls_by_exactly_the_table():
    free, (network, *_) = PretrainingNetwork(SHAPE, VOCAB), fixed(TokenEmbeddings(vectors="somewhere"))
    before, after = count_parameters(free), count_parameters(network)
    assert before["trainable"] - after["trainable"] == VOCAB * WIDTH == after["frozen"]
    assert before["total"] == after["total"]


def test_special_rows_can_learn_while_the_others_stay_bit_identical():
    network, table, optimizer = fixed(TokenEmbeddings(vectors="somewhere", special_trainable=True))
    learn(network, optimizer)
    assert torch.equal(words(network)[LEARNT], table[LEARNT])
    assert torch.equal(words(network)[0], table[0])  # [PAD]
    assert not torch.equal(words(network)[1:5], table[1:5])


def test_an_untied_output_matrix_starts_from_the_table_and_learns():
    network, table, optimizer = fixed(TokenEmbeddings(vectors="somewhere", tied=False), tied=False)
    learn(network, optimizer)
    assert torch.equal(words(network), table)
    assert not torch.equal(network.cls.predictions.decoder.weight, table)


def test_thawing_without_a_table_is_refused():
    with pytest.raises(UserError, match=r"Give embeddings\.vectors"):
        build(TokenEmbeddings, {"unfreeze_after_epochs": 1})
