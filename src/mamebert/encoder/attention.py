"""Every token looks at every token of its own sequence."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, scaled_dot_product_attention

from mamebert.encoder.packing import Group, Packed, Rows
from mamebert.encoder.parts import AddAndNorm, Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import ForwardTrace
from mamebert.kernels.attention import gpu_attention, on_gpu, packed_attention
from mamebert.kernels.linear import linear
from mamebert.kernels.native import Library, native

SHOWN = ("queries", "keys", "values", "scores", "attention")


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al., 2017) over a packed batch; `number` is the layer's."""

    def __init__(self, config: EncoderConfig, number: int = 0) -> None:
        super().__init__()
        self.num_heads = config.heads_by_layer[number]
        self.drop_rate = config.attention_probs_dropout_prob
        self.head_width = config.head_width
        width = self.num_heads * self.head_width
        self.query = Linear(config.hidden_size, width)
        self.key = Linear(config.hidden_size, width)
        self.value = Linear(config.hidden_size, width)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, heads * head width]: for each token, or each of `rows`, the mixture of the values it saw."""
        if not self.num_heads:
            return hidden.new_zeros(len(hidden if rows is None else rows.places), 0)
        drop_rate = self.drop_rate if self.training else 0.0
        width = self.query.weight.new_empty(0, self.query.out_features // self.num_heads)
        if not drop_rate and (library := native(hidden, width)):
            return self._natively(library, hidden, batch, rows)
        if not drop_rate and on_gpu(hidden):
            return self._on_gpu(hidden, batch, rows)
        # One product instead of three: small matrices leave the processor idle between calls.
        weight, bias = _joined((self.query, self.key, self.value))
        mixed = linear(hidden, weight, bias)
        seen = attend_in_groups(mixed, batch, self.num_heads, drop_rate)
        return seen if rows is None else seen[rows.places]

    def mix(self, hidden: Tensor, seen: ForwardTrace) -> Tensor:
        """Return the same for padded sequences, [batch, longest, ...], and lay open in `seen` how it came about."""
        drop_rate = self.drop_rate if self.training else 0.0
        return traced_attention(
            (self.query(hidden), self.key(hidden), self.value(hidden)), self.num_heads, drop_rate, seen
        )

    def _natively(self, library: Library, hidden: Tensor, batch: Packed, rows: Rows | None) -> Tensor:
        projections = (self.query, self.key, self.value)
        if rows is None:
            weight, bias = _joined(projections)
            starts = (batch.starts, batch.starts)
            return packed_attention(library, None, linear(hidden, weight), bias, starts, self.num_heads)
        weight, _ = _joined(projections[1:])
        _, bias = _joined(projections)
        queries = linear(hidden[rows.places], self.query.weight)
        others = linear(hidden, weight)
        return packed_attention(library, queries, others, bias, (rows.starts, batch.starts), self.num_heads)

    def _on_gpu(self, hidden: Tensor, batch: Packed, rows: Rows | None) -> Tensor:
        others = (self.key, self.value) if rows else (self.query, self.key, self.value)
        weight, bias = _joined(others)
        mixed = linear(hidden, weight, bias).chunk(len(others), dim=1)
        parts = (self.query(hidden[rows.places]), *mixed) if rows else mixed
        query, key, value = (part.unflatten(1, (self.num_heads, -1)) for part in parts)
        spans = (rows or batch).spans, batch.spans
        return gpu_attention(query, key, value, *spans, batch.longest).flatten(1)


class Attention(nn.Module):
    """Self-attention and its output, named as in `transformers`."""

    def __init__(self, config: EncoderConfig, number: int = 0) -> None:
        super().__init__()
        self.self = SelfAttention(config, number)
        self.output = AddAndNorm(config.heads_by_layer[number] * config.head_width, config)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size], or [rows, hidden_size] where only some rows are wanted."""
        seen = self.self(hidden, batch, rows)
        result: Tensor = self.output(seen, hidden if rows is None else hidden[rows.places])
        return result


def attend_in_groups(mixed: Tensor, batch: Packed, num_heads: int, drop_rate: float) -> Tensor:
    """Return [tokens, width]: for each token the mixture of the values of its own sequence.

    `mixed` [tokens, 3 * width] holds queries, keys and values side by side. Computed by torch, group by group.
    """
    # What is asked, not learnt from, must not depend on what else is asked.
    groups = batch.groups if torch.is_grad_enabled() else batch.groups_of_one_length
    parts = zip(mixed.split([group.num_tokens for group in groups]), groups, strict=True)
    return torch.cat([_attend(part, group, num_heads, drop_rate) for part, group in parts])


def _attend(mixed: Tensor, group: Group, num_heads: int, drop_rate: float) -> Tensor:
    if group.rows is not None:
        mixed = mixed[group.rows]
    # batch tokens 3 heads width -> 3 batch heads tokens width
    query, key, value = mixed.view(group.num_sequences, group.longest, 3, num_heads, -1).permute(2, 0, 3, 1, 4)
    kind = query.dtype
    if query.device.type == "cpu":
        # Without AMX, torch's bfloat16 attention is slower than its float32 one.
        query, key, value = query.float(), key.float(), value.float()
    seen = scaled_dot_product_attention(query, key, value, attn_mask=group.visible, dropout_p=drop_rate)
    rows = seen.to(kind).transpose(1, 2).reshape(group.num_sequences * group.longest, -1)
    return rows if group.places is None else rows[group.places]


def traced_attention(
    projected: tuple[Tensor, Tensor, Tensor], num_heads: int, drop_rate: float, seen: ForwardTrace
) -> Tensor:
    """Return [batch, longest, width]: the same for padded queries, keys and values, each [batch, longest, width]."""
    shape = num_heads, projected[0].shape[-1] // max(1, num_heads)  # a layer may have no head left
    queries, keys, values = (each.unflatten(-1, shape).transpose(1, 2) for each in projected)
    scores = queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5
    attention = scores.masked_fill(~seen.batch.visible[:, None, None], torch.finfo(scores.dtype).min).softmax(-1)
    for name, found in zip(SHOWN, (queries, keys, values, scores, attention), strict=True):
        getattr(seen, name).append(found)
    mixed: Tensor = dropout(attention, drop_rate) @ values
    return mixed.transpose(1, 2).flatten(2)


def _joined(projections: Sequence[Linear]) -> tuple[Tensor, Tensor]:
    return torch.cat([p.weight for p in projections]), torch.cat([p.bias for p in projections])
