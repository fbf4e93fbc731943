"""Attention whose queries and keys, values, and residual stream are made of different vectors (MobileBERT)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mamebert.encoder.attention import attend_in_groups, traced_attention
from mamebert.encoder.norms import make_norm
from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import ForwardTrace
from mamebert.kernels.attention import gpu_attention, on_gpu, packed_attention
from mamebert.kernels.native import native


class BottleneckInputs(NamedTuple):
    """What a layer works on: vectors [..., hidden_size] or [..., intra_bottleneck_size]."""

    asking: Tensor
    """What queries and keys are made of."""
    values: Tensor
    """What values are made of."""
    residual: Tensor
    """What the blocks of the layer add to, [..., intra_bottleneck_size]."""


class InputBottleneck(nn.Module):
    """A dense layer from the body to the width inside a layer, and a norm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        width = config.bottleneck.intra_bottleneck_size
        self.dense = Linear(config.hidden_size, width)
        self.LayerNorm = make_norm(config.bottleneck.normalization_type, width, config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., intra_bottleneck_size]."""
        result: Tensor = self.LayerNorm(self.dense(hidden))
        return result


class Bottlenecks(nn.Module):
    """From the body to what a layer works on."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        self.for_all = config.bottleneck.use_bottleneck_attention
        self.input = InputBottleneck(config)
        self.attention = InputBottleneck(config) if config.bottleneck.key_query_shared_bottleneck else None

    def forward(self, hidden: Tensor) -> BottleneckInputs:
        """Return the inputs of attention and the residual stream for [..., hidden_size]."""
        residual = self.input(hidden)
        if self.for_all:
            return BottleneckInputs(residual, residual, residual)
        return BottleneckInputs(self.attention(hidden) if self.attention else hidden, hidden, residual)


class BottleneckAttention(nn.Module):
    """Multi-head scaled dot-product attention, as wide as the inside of the layer."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        self.num_heads = config.num_attention_heads
        self.drop_rate = config.attention_probs_dropout_prob
        shape, wide = config.bottleneck, config.hidden_size
        narrow = shape.intra_bottleneck_size
        asks_narrow = shape.use_bottleneck_attention or shape.key_query_shared_bottleneck
        self.query = Linear(narrow if asks_narrow else wide, narrow)
        self.key = Linear(narrow if asks_narrow else wide, narrow)
        self.value = Linear(narrow if shape.use_bottleneck_attention else wide, narrow)

    def forward(self, inputs: BottleneckInputs, batch: Packed) -> Tensor:
        """Return [tokens, intra_bottleneck_size]: for each token the mixture of the values of its own sequence."""
        drop_rate = self.drop_rate if self.training else 0.0
        parts = self._project(inputs)
        queries = parts[0]
        head = queries.new_empty(0, queries.shape[1] // self.num_heads)
        if not drop_rate and (library := native(queries, head)):
            mixed, no_bias = torch.cat(parts, 1), queries.new_zeros(3 * queries.shape[1], dtype=torch.float32)
            return packed_attention(library, None, mixed, no_bias, (batch.starts, batch.starts), self.num_heads)
        if not drop_rate and on_gpu(queries):
            query, key, value = (each.unflatten(1, (self.num_heads, -1)) for each in parts)
            return gpu_attention(query, key, value, batch.spans, batch.spans, batch.longest).flatten(1)
        return attend_in_groups(torch.cat(parts, 1), batch, self.num_heads, drop_rate)

    def mix(self, inputs: BottleneckInputs, seen: ForwardTrace) -> Tensor:
        """Return the same for padded sequences, [batch, longest, ...], and lay open in `seen` how it came about."""
        drop_rate = self.drop_rate if self.training else 0.0
        return traced_attention(self._project(inputs), self.num_heads, drop_rate, seen)

    def _project(self, inputs: BottleneckInputs) -> tuple[Tensor, Tensor, Tensor]:
        return self.query(inputs.asking), self.key(inputs.asking), self.value(inputs.values)
