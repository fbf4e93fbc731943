"""Layers of another width than the body, and the embeddings that go with them."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.encoder.carry_over import carry_over
from mamebert.encoder.mobilebert.settings import Bottleneck
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.norms import NoNorm
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig

VOCAB = 50


def shape(**inside):
    return EncoderConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24, hidden_dropout_prob=0.0,
        embedding_size=8, hidden_act="relu", bottleneck=Bottleneck(**{"intra_bottleneck_size": 16, **inside}),
    )  # fmt: skip


def packed(*sequences):
    return Packed.of([np.array(ids) for ids in sequences])


def test_a_token_is_made_of_the_next_one_itself_and_the_one_before_in_this_order():
    embeddings = Encoder(shape(), VOCAB).embeddings
    joined = []
    embeddings.embedding_transformation.register_forward_hook(lambda _, given, __: joined.append(given[0]))
    batch = packed([7, 8, 9], [4, 5])
    embeddings(batch, torch.float32)
    embeddings.padded(torch.tensor([[7, 8, 9], [4, 5, 3]]), torch.zeros(2, 3, dtype=torch.long),
                      torch.tensor([[True] * 3, [True, True, False]]))  # fmt: skip
    table = torch.cat([embeddings.word_embeddings.weight, torch.zeros(1, 8)])
    none = VOCAB
    expected = table[torch.tensor([[8, 7, none], [9, 8, 7], [none, 9, 8], [5, 4, none], [none, 5, 4]])].flatten(1)
    assert_close(joined[0], expected)
    assert_close(joined[1][torch.tensor([[True] * 3, [True, True, False]])], expected)


def test_no_norm_is_a_factor_and_a_shift():
    norm = NoNorm(2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, 3.0]))
        norm.bias.copy_(torch.tensor([1.0, -1.0]))
    assert_close(norm(torch.tensor([[5.0, 7.0], [0.0, 100.0]])), torch.tensor([[11.0, 20.0], [1.0, 299.0]]))


def test_gates_of_one_change_nothing_and_take_gradients():
    bert, batch = Encoder(shape(), VOCAB).eval(), packed([7, 8, 9, 3], [4, 5])
    before = bert(batch).detach()
    bert.gates = bert.open_gates()
    after = bert(batch)
    assert_close(after.detach(), before)
    after.sum().backward()
    assert all(gate.grad.abs().sum() > 0 for gate in [*bert.gates.heads, *bert.gates.neurons])


def test_a_step_of_masked_words_teaches_table_and_further_columns():
    network = PretrainingNetwork(shape(), VOCAB)
    network.cls.predictions.loss(network.bert(packed([7, 8, 9, 3])), torch.tensor([1, 2, 3, 4])).backward()
    named = dict(network.named_parameters())
    for name in ("bert.embeddings.word_embeddings.weight", "cls.predictions.dense.weight"):
        assert named[name].grad.abs().sum() > 0, name
    assert network.cls.predictions.output_matrix.shape == (VOCAB, 32)


def test_another_vocabulary_takes_its_tokens_columns_along():
    old, new = PretrainingNetwork(shape(), VOCAB), PretrainingNetwork(shape(), VOCAB - 20)
    carry_over(old, new, {3: 40, 4: 41}, {5: [1, 2]})
    matrices = [network.cls.predictions.output_matrix for network in (old, new)]
    assert_close(matrices[1][3:5], matrices[0][40:42])
    assert_close(matrices[1][5], matrices[0][1:3].mean(0))


def test_bfloat16_is_near_float32():
    bert, batch = Encoder(shape(), VOCAB).eval(), packed([7, 8, 9, 3], [4, 5])
    exact = bert(batch).detach()
    bert.compute_dtype = torch.bfloat16
    found = bert(batch)
    assert found.dtype == torch.bfloat16
    assert_close(found.float(), exact, atol=0.05 * float(exact.abs().max()), rtol=0)


def test_a_width_that_heads_cannot_share_is_told():
    with pytest.raises(ValueError, match="cannot be split between 4 heads"):
        shape(intra_bottleneck_size=18)


def test_a_shape_survives_being_written():
    assert EncoderConfig.model_validate(shape().model_dump()) == shape()
    assert "bottleneck" not in EncoderConfig().model_dump()
