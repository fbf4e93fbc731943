"""A layer that is narrower, or wider, inside than the body it adds to (MobileBERT; Sun et al., 2020)."""

from torch import Tensor, nn
from torch.nn.functional import dropout

from mamebert.encoder.activations import ACTIVATIONS
from mamebert.encoder.bottleneck_attention import BottleneckAttention, Bottlenecks
from mamebert.encoder.norms import make_norm
from mamebert.encoder.packing import Packed, Rows
from mamebert.encoder.padded import Gates, Seen
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trigram_embeddings import NORM_EPS


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


class Widening(nn.Module):
    """What ends a layer: the second half of its last feed-forward block, then back to the width of the body."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        narrow = config.bottleneck.intra_bottleneck_size
        self.dense = Linear(config.intermediate_size, narrow)
        self.LayerNorm = make_norm(config.bottleneck.normalization_type, narrow, NORM_EPS)
        self.bottleneck = DenseAndAdd(narrow, config.hidden_size, config, config.hidden_dropout_prob)

    def forward(self, bent: Tensor, residual: Tensor, hidden: Tensor) -> Tensor:
        """Return [..., hidden_size]."""
        result: Tensor = self.bottleneck(self.LayerNorm(self.dense(bent) + residual), hidden)
        return result


class Bending(nn.Module):
    """The first half of a feed-forward block."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        self.dense = Linear(config.bottleneck.intra_bottleneck_size, config.intermediate_size)
        self.bend = ACTIVATIONS[config.hidden_act]

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., intermediate_size]."""
        return self.bend(self.dense(hidden))


class FeedForward(nn.Module):
    """One of the feed-forward blocks before the last."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        assert config.bottleneck
        narrow = config.bottleneck.intra_bottleneck_size
        self.intermediate = Bending(config)
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
        self.intermediate = Bending(config)
        self.output = Widening(config)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size], or [rows, hidden_size] where only some rows are wanted."""
        inputs = self.bottleneck(hidden)
        mixed, residual = self.attention.self(inputs, batch), inputs.residual
        if rows is not None:
            mixed, residual, hidden = (each[rows.places] for each in (mixed, residual, hidden))
        residual = self._to_last_block(mixed, residual)
        result: Tensor = self.output(self.intermediate(residual), residual, hidden)
        return result

    def padded(self, hidden: Tensor, seen: Seen, gates: Gates | None, number: int) -> Tensor:
        """Return [batch, longest, hidden_size] for padded sequences, and lay open in `seen` how it came about.

        `gates` are those of layer `number`; the neurons are those of the last feed-forward block.
        """
        inputs = self.bottleneck(hidden)
        mixed = self.attention.self.mix(inputs, seen)
        if gates:
            heads = gates.heads[number]
            mixed = (mixed.unflatten(-1, (len(heads), -1)) * heads[:, None]).flatten(-2)
        seen.mixed.append(mixed)
        residual = self._to_last_block(mixed, inputs.residual)
        bent = self.intermediate(residual)
        if gates:
            bent = bent * gates.neurons[number]
        seen.bent.append(bent)
        result: Tensor = self.output(bent, residual, hidden)
        return result

    def _to_last_block(self, mixed: Tensor, residual: Tensor) -> Tensor:
        result: Tensor = self.attention.output(mixed, residual)
        for block in self.ffn:
            result = block(result)
        return result
