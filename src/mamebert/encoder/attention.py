"""Every token looks at every token of its own sequence."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from mamebert.encoder.packing import Group, Packed, Rows
from mamebert.encoder.parts import AddAndNorm, Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.attention import gpu_attention, on_gpu, packed_attention
from mamebert.kernels.native import Library, native


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al., 2017) over a packed batch."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.drop_rate = config.attention_probs_dropout_prob
        self.query = Linear(config.hidden_size, config.hidden_size)
        self.key = Linear(config.hidden_size, config.hidden_size)
        self.value = Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size]: for each token, or each of `rows`, the mixture of the values it looked at."""
        drop_rate = self.drop_rate if self.training else 0.0
        width = self.query.weight.new_empty(0, self.query.out_features // self.num_heads)
        if not drop_rate and (library := native(hidden, width)):
            return self._natively(library, hidden, batch, rows)
        if not drop_rate and on_gpu(hidden):
            return self._on_gpu(hidden, batch, rows)
        # One product instead of three: small matrices leave the processor idle between calls.
        weight, bias = _joined((self.query, self.key, self.value))
        mixed = linear(hidden, weight.to(hidden.dtype), bias.to(hidden.dtype))
        parts = mixed.split([group.num_tokens for group in batch.groups])
        attended = [self._attend(part, group, drop_rate) for part, group in zip(parts, batch.groups, strict=True)]
        seen = torch.cat(attended)
        return seen if rows is None else seen[rows.places]

    def _natively(self, library: Library, hidden: Tensor, batch: Packed, rows: Rows | None) -> Tensor:
        projections = (self.query, self.key, self.value)
        if rows is None:
            weight, bias = _joined(projections)
            starts = (batch.starts, batch.starts)
            return packed_attention(library, None, hidden @ weight.to(hidden.dtype).T, bias, starts, self.num_heads)
        weight, _ = _joined(projections[1:])
        _, bias = _joined(projections)
        queries = hidden[rows.places] @ self.query.weight.to(hidden.dtype).T
        others = hidden @ weight.to(hidden.dtype).T
        return packed_attention(library, queries, others, bias, (rows.starts, batch.starts), self.num_heads)

    def _on_gpu(self, hidden: Tensor, batch: Packed, rows: Rows | None) -> Tensor:
        others = (self.key, self.value) if rows else (self.query, self.key, self.value)
        weight, bias = _joined(others)
        mixed = linear(hidden, weight.to(hidden.dtype), bias.to(hidden.dtype)).chunk(len(others), dim=1)
        parts = (self.query(hidden[rows.places]), *mixed) if rows else mixed
        query, key, value = (part.unflatten(1, (self.num_heads, -1)) for part in parts)
        spans = (rows or batch).spans, batch.spans
        return gpu_attention(query, key, value, *spans, batch.longest).flatten(1)

    def _attend(self, mixed: Tensor, group: Group, drop_rate: float) -> Tensor:
        if group.rows is not None:
            mixed = mixed[group.rows]
        shape = (group.num_sequences, group.longest, 3, self.num_heads, -1)
        # batch tokens 3 heads width -> 3 batch heads tokens width
        query, key, value = mixed.view(shape).permute(2, 0, 3, 1, 4)
        kind = query.dtype
        if query.device.type == "cpu":
            # Without AMX, torch's bfloat16 attention is slower than its float32 one.
            query, key, value = query.float(), key.float(), value.float()
        seen = scaled_dot_product_attention(query, key, value, attn_mask=group.visible, dropout_p=drop_rate)
        rows = seen.to(kind).transpose(1, 2).reshape(group.num_sequences * group.longest, -1)
        return rows if group.places is None else rows[group.places]


class Attention(nn.Module):
    """Self-attention and its output, named as in `transformers`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = AddAndNorm(config.hidden_size, config)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size], or [rows, hidden_size] where only some rows are wanted."""
        seen = self.self(hidden, batch, rows)
        result: Tensor = self.output(seen, hidden if rows is None else hidden[rows.places])
        return result


def _joined(projections: Sequence[Linear]) -> tuple[Tensor, Tensor]:
    return torch.cat([p.weight for p in projections]), torch.cat([p.bias for p in projections])
