"""A layer that is narrower, or wider, inside than the body it adds to (MobileBERT; Sun et al., 2020)."""

from torch import Tensor, nn
from torch.nn.functional import dropout

from mamebert.encoder.activations import ACTIVATIONS
from mamebert.encoder.mobilebert.attention import BottleneckAttention, Bottlenecks
from mamebert.encoder.mobilebert.embeddings import NORM_EPS
from mamebert.encoder.norms import make_norm
from mamebert.encoder.packing import Packed, Rows
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import ForwardTrace, Gates


class DenseAndAdd(nn.Module):
    """A dense layer, plus what was there before, and a norm."""

    def __init__(self, in_features: int, out_features: int, config: EncoderConfig, drop_rate: float = 0.0) -> None:
        super().__init__()
        assert config.bottleneck
        self.dense = Linear(in_features, out_features)
        self.LayerNorm = make_norm(config.bottleneck.normalization_type, out_features, config.layer_norm_eps)
        self.drop_rate = drop_rate

    def forward(self, hidden: Tensor, before: Tensor) -> Tensor:
        """Return [..., out_features]."""
        result: Tensor = self.LayerNorm(dropout(self.dense(hidden), self.drop_rate, self.training) + before)
        return result


class OutputBottleneck(nn.Module):
    """What ends a layer: the second half of its last feed-forward block, then back to the width of the body."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        narrow = config.bottleneck.intra_bottleneck_size
        self.dense = Linear(config.intermediate_size, narrow)
        self.LayerNorm = make_norm(config.bottleneck.normalization_type, narrow, NORM_EPS)
        self.bottleneck = DenseAndAdd(narrow, config.hidden_size, config, config.hidden_dropout_prob)

    def forward(self, intermediate: Tensor, residual: Tensor, hidden: Tensor) -> Tensor:
        """Return [..., hidden_size]."""
        result: Tensor = self.bottleneck(self.LayerNorm(self.dense(intermediate) + residual), hidden)
        return result


class Intermediate(nn.Module):
    """The first half of a feed-forward block."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        self.dense = Linear(config.bottleneck.intra_bottleneck_size, config.intermediate_size)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., intermediate_size]."""
        return self.activation(self.dense(hidden))


class FeedForward(nn.Module):
    """One of the feed-forward blocks before the last."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        narrow = config.bottleneck.intra_bottleneck_size
        self.intermediate = Intermediate(config)
        self.output = DenseAndAdd(config.intermediate_size, narrow, config)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., intra_bottleneck_size]."""
        result: Tensor = self.output(self.intermediate(hidden), hidden)
        return result


class Attention(nn.Module):
    """Attention and its output, named as in `transformers`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        narrow = config.bottleneck.intra_bottleneck_size
        self.self = BottleneckAttention(config)
        self.output = DenseAndAdd(narrow, narrow, config)


class BottleneckLayer(nn.Module):
    """Attention and several feed-forward blocks between two bottlenecks."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        self.bottleneck = Bottlenecks(config)
        self.attention = Attention(config)
        self.ffn = nn.ModuleList(FeedForward(config) for _ in range(config.bottleneck.num_feedforward_networks - 1))
        self.intermediate = Intermediate(config)
        self.output = OutputBottleneck(config)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size], or [rows, hidden_size] where only some rows are wanted."""
        inputs = self.bottleneck(hidden)
        context, residual = self.attention.self(inputs, batch), inputs.residual
        if rows is not None:
            context, residual, hidden = (each[rows.places] for each in (context, residual, hidden))
        residual = self._to_last_block(context, residual)
        result: Tensor = self.output(self.intermediate(residual), residual, hidden)
        return result

    def padded(self, hidden: Tensor, seen: ForwardTrace, gates: Gates | None, number: int) -> Tensor:
        """Return [batch, longest, hidden_size] for padded sequences, and lay open in `seen` how it came about.

        `gates` are those of layer `number`; the neurons are those of the last feed-forward block.
        """
        inputs = self.bottleneck(hidden)
        context = self.attention.self.mix(inputs, seen)
        if gates:
            heads = gates.heads[number]
            context = (context.unflatten(-1, (len(heads), -1)) * heads[:, None]).flatten(-2)
        seen.context.append(context)
        residual = self._to_last_block(context, inputs.residual)
        intermediate = self.intermediate(residual)
        if gates:
            intermediate = intermediate * gates.neurons[number]
        seen.intermediate.append(intermediate)
        result: Tensor = self.output(intermediate, residual, hidden)
        return result

    def _to_last_block(self, context: Tensor, residual: Tensor) -> Tensor:
        result: Tensor = self.attention.output(context, residual)
        for block in self.ffn:
            result = block(result)
        return result
