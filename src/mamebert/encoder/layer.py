"""One Transformer layer: attention, then a feed-forward block, each added, and normalised before or afterwards."""

from torch import Tensor, nn

from mamebert.encoder.activations import ACTIVATIONS, linear_activation
from mamebert.encoder.attention import Attention
from mamebert.encoder.packing import Packed, Rows
from mamebert.encoder.parts import Linear, bias_of, new_end, new_norm
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import ForwardTrace, Gates


class Intermediate(nn.Module):
    """Widen and bend; `number` is the layer's."""

    def __init__(self, config: EncoderConfig, number: int = 0) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.widths_by_layer[number]
        self.LayerNorm = new_norm(config) if config.norm_place == "pre" else None
        self.dense = Linear(width, inner, bias=config.has_biases)
        self.gate = Linear(width, inner, bias=config.has_biases) if config.ffn == "gated" else None
        self.hidden_act = config.hidden_act

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [tokens, intermediate_size]."""
        if not self.dense.out_features:
            return hidden.new_zeros(len(hidden), 0)
        hidden = self.LayerNorm(hidden) if self.LayerNorm else hidden
        bent = linear_activation(hidden, self.dense.weight, bias_of(self.dense), self.hidden_act)
        return bent * self.gate(hidden) if self.gate else bent

    def padded(self, hidden: Tensor) -> Tensor:
        """Return the same for [batch, longest, ...], by calls of the dense layers."""
        hidden = self.LayerNorm(hidden) if self.LayerNorm else hidden
        bent = ACTIVATIONS[self.hidden_act](self.dense(hidden))
        return bent * self.gate(hidden) if self.gate else bent


class Layer(nn.Module):
    """Attention and feed-forward; `number` is the layer's, from 0."""

    def __init__(self, config: EncoderConfig, number: int = 0) -> None:
        super().__init__()
        self.attention = Attention(config, number)
        self.intermediate = Intermediate(config, number)
        self.output = new_end(config.widths_by_layer[number], config)

    def share(self, attention: "Layer", ffn: "Layer") -> None:
        """Take the attention of one layer and the feed-forward block of another, or of oneself, for one's own."""
        self.attention = attention.attention
        self.intermediate, self.output = ffn.intermediate, ffn.output

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size], or [rows, hidden_size] where only some rows are wanted."""
        seen = self.attention(hidden, batch, rows)
        result: Tensor = self.output(self.intermediate(seen), seen)
        return result

    def padded(self, hidden: Tensor, seen: ForwardTrace, gates: Gates | None, number: int) -> Tensor:
        """Return [batch, longest, hidden_size] for padded sequences, and lay open in `seen` how it came about.

        `gates` are those of layer `number`. Every product is a call of the module that holds its matrix.
        """
        context = self.attention.self.mix(self.attention.normed(hidden), seen)
        if gates:
            context = context * gates.heads[number].repeat_interleave(self.attention.self.head_width)
        seen.context.append(context)
        attended = self.attention.output.padded(context, hidden)
        intermediate = self.intermediate.padded(attended)
        if gates:
            intermediate = intermediate * gates.neurons[number]
        seen.intermediate.append(intermediate)
        result: Tensor = self.output.padded(intermediate, attended)
        return result
