"""Every token looks at every token of its own sequence."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from mamebert.encoder.packing import Group, Packed
from mamebert.encoder.parts import AddAndNorm, Linear
from mamebert.encoder.settings import EncoderConfig


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al., 2017) over a packed batch."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.drop_rate = config.attention_probs_dropout_prob
        self.query = Linear(config.hidden_size, config.hidden_size)
        self.key = Linear(config.hidden_size, config.hidden_size)
        self.value = Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, batch: Packed) -> Tensor:
        """Return [tokens, hidden_size]: for each token the mixture of the values it looked at."""
        # One product instead of three: small matrices leave the processor idle between calls.
        projections = (self.query, self.key, self.value)
        weight = torch.cat([p.weight for p in projections]).to(hidden.dtype)
        bias = torch.cat([p.bias for p in projections]).to(hidden.dtype)
        mixed = linear(hidden, weight, bias)
        parts = mixed.split([group.num_tokens for group in batch.groups])
        return torch.cat([self._attend(part, group) for part, group in zip(parts, batch.groups, strict=True)])

    def _attend(self, mixed: Tensor, group: Group) -> Tensor:
        if group.rows is not None:
            mixed = mixed[group.rows]
        shape = (group.num_sequences, group.longest, 3, self.num_heads, -1)
        # batch tokens 3 heads width -> 3 batch heads tokens width
        query, key, value = mixed.view(shape).permute(2, 0, 3, 1, 4)
        kind = query.dtype
        if query.device.type == "cpu":
            # Without AMX, torch's bfloat16 attention is slower than its float32 one.
            query, key, value = query.float(), key.float(), value.float()
        drop = self.drop_rate if self.training else 0.0
        seen = scaled_dot_product_attention(query, key, value, attn_mask=group.visible, dropout_p=drop)
        rows = seen.to(kind).transpose(1, 2).reshape(group.num_sequences * group.longest, -1)
        return rows if group.places is None else rows[group.places]


class Attention(nn.Module):
    """Self-attention and its output, named as in `transformers`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.self = SelfAttention(config)
        self.output = AddAndNorm(config.hidden_size, config)

    def forward(self, hidden: Tensor, batch: Packed) -> Tensor:
        """Return [tokens, hidden_size]."""
        result: Tensor = self.output(self.self(hidden, batch), hidden)
        return result
