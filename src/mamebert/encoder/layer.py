"""One Transformer layer: attention, then a feed-forward block, each added and normalised (post-norm)."""

from torch import Tensor, nn

from mamebert.encoder.attention import Attention
from mamebert.encoder.packing import Packed, Rows
from mamebert.encoder.parts import AddAndNorm, Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.dense import linear_gelu


class Intermediate(nn.Module):
    """Widen and bend (exact GELU)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.intermediate_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [tokens, intermediate_size]."""
        return linear_gelu(hidden, self.dense.weight, self.dense.bias)


class Layer(nn.Module):
    """Attention and feed-forward."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = AddAndNorm(config.intermediate_size, config)

    def forward(self, hidden: Tensor, batch: Packed, rows: Rows | None = None) -> Tensor:
        """Return [tokens, hidden_size], or [rows, hidden_size] where only some rows are wanted."""
        seen = self.attention(hidden, batch, rows)
        result: Tensor = self.output(self.intermediate(seen), seen)
        return result
