import pytest
import torch

from mamebert.encoder.carry_over import carry_over
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig

SHAPE = EncoderConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=16)


def made(vocab_size, tied=True, **changes):
    network = PretrainingNetwork(SHAPE.model_copy(update=changes), vocab_size, tied)
    with torch.no_grad():
        network.cls.predictions.bias.normal_()
    return network


@pytest.mark.parametrize("tied", [True, False])
def test_rows_are_copied_averaged_or_left_and_biases_go_with_them(tied):
    old, new = made(6, tied), made(5, tied)
    before = new.bert.embeddings.word_embeddings.weight.detach().clone()
    carry_over(old, new, same={0: 0, 1: 5, 2: 4}, pieces={3: [1, 2]})
    for name in ("bert.embeddings.word_embeddings.weight", *([] if tied else ["cls.predictions.decoder.weight"])):
        a, b = old.get_parameter(name), new.get_parameter(name)
        assert torch.equal(b[:3], a[[0, 5, 4]])
        assert torch.equal(b[3], (a[1] + a[2]) / 2)
    assert torch.equal(new.bert.embeddings.word_embeddings.weight[4], before[4])
    a, b = old.cls.predictions.bias, new.cls.predictions.bias
    assert torch.equal(b[:3], a[[0, 5, 4]])
    assert torch.allclose(b[3:], torch.stack([(a[1] + a[2]) / 2, a.mean()]))


@pytest.mark.parametrize("tied", [True, False])
def test_mixed_rows_are_weighted_sums(tied):
    old, new = made(6, tied), made(3, tied)
    carry_over(old, new, same={0: 5, 1: 4}, pieces={}, mixed={2: ([1, 2, 3], [0.5, 0.3, 0.2])})
    for name in ("bert.embeddings.word_embeddings.weight", *([] if tied else ["cls.predictions.decoder.weight"])):
        a, b = old.get_parameter(name), new.get_parameter(name)
        torch.testing.assert_close(b[2], 0.5 * a[1] + 0.3 * a[2] + 0.2 * a[3])
    a, b = old.cls.predictions.bias, new.cls.predictions.bias
    torch.testing.assert_close(b[2], 0.5 * a[1] + 0.3 * a[2] + 0.2 * a[3])


def test_everything_else_is_copied_and_the_last_positions_cut():
    old, new = made(6), made(6, max_position_embeddings=9)
    carry_over(old, new, {number: number for number in range(6)}, {})
    theirs = dict(old.named_parameters())
    for name, parameter in new.named_parameters():
        assert torch.equal(parameter, theirs[name][: len(parameter)]), name


def test_an_untied_matrix_begins_as_the_table_of_a_tied_one():
    old, new = made(6), made(6, tied=False)
    carry_over(old, new, {number: number for number in range(6)}, {})
    assert torch.equal(new.cls.predictions.output_matrix, old.bert.embeddings.word_embeddings.weight)
