import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.quantisation.binary import BiAttention, attended, binary_rows, signs
from mamebert.compression.quantisation.binary_cost import times_fewer_operations
from mamebert.encoder.attention import SelfAttention
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import ForwardTrace, Padded


def test_a_binary_row_has_two_values_of_its_mean_magnitude():
    torch.manual_seed(0)
    weight = torch.randn(6, 40) + 0.3
    for row, found in zip(weight, binary_rows(weight), strict=True):
        size = row.abs().mean()
        assert_close(found.unique(), torch.stack([-size, size]))
        assert torch.equal(found > 0, row >= row.mean())


def test_zero_counts_as_positive_everywhere():
    assert signs(torch.tensor([0.0, -0.1, 2.0])).tolist() == [1, -1, 1]
    assert attended(torch.tensor([0.0, -0.1, 2.0])).tolist() == [1, 0, 1]
    assert binary_rows(torch.tensor([[1.0, 2.0, 3.0]])).tolist() == [[-2, 2, 2]]


@pytest.mark.parametrize("step", [signs, attended])
def test_gradients_pass_between_minus_one_and_one_only(step):
    values = torch.tensor([-2.0, -0.5, 0.0, 0.9, 1.5], requires_grad=True)
    step(values).sum().backward()
    assert values.grad.tolist() == [0, 1, 1, 1, 0]


def test_size_of_a_row_gets_no_gradient_and_its_mean_is_taken_away():
    weight = torch.tensor([[0.2, -0.4, 0.5]], requires_grad=True)
    upstream = torch.tensor([[1.0, 2.0, 6.0]])
    binary_rows(weight).backward(upstream)
    assert_close(weight.grad, upstream - upstream.mean())


def attention_and_batch():
    torch.manual_seed(1)
    config = EncoderConfig(hidden_size=8, num_attention_heads=2)
    visible = torch.tensor([[True, True, True, False], [True, True, True, True]])
    batch = Padded(torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, 4, dtype=torch.int64), visible)
    return BiAttention(SelfAttention(config)), batch, torch.randn(2, 4, 8)


def test_a_token_gets_the_sum_of_the_signs_it_looks_at():
    attention, batch, hidden = attention_and_batch()
    context = attention.mix(hidden, ForwardTrace(batch))

    def sign(values):
        return [1 if v >= 0 else -1 for v in values]

    token, head = 2, slice(4, 8)
    query = sign(attention.query(hidden)[0, token, head])
    wanted = torch.zeros(4)
    for other in range(3):
        agree = sum(a * b for a, b in zip(query, sign(attention.key(hidden)[0, other, head]), strict=True))
        if agree >= 0:
            wanted += torch.tensor(sign(attention.value(hidden)[0, other, head]))
    assert_close(context[0, token, head], wanted)


def test_padding_never_leaks():
    attention, batch, hidden = attention_and_batch()
    poisoned = hidden.masked_fill(~batch.visible[..., None], 99.0)
    found, again = (attention.mix(each, ForwardTrace(batch)) for each in (hidden, poisoned))
    assert torch.equal(found[batch.visible], again[batch.visible])


def test_operations_saved_on_bert_base_are_those_of_the_paper():
    base = EncoderConfig(hidden_size=768, num_hidden_layers=12)
    assert times_fewer_operations(base, [128]) == pytest.approx(56.3, rel=0.02)
