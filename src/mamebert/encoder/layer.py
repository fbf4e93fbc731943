"""One Transformer layer: attention, then a feed-forward block, each added and normalised (post-norm)."""

from torch import Tensor, nn
from torch.nn.functional import gelu

from mamebert.encoder.attention import Attention
from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import AddAndNorm, Linear
from mamebert.encoder.settings import EncoderConfig


class Intermediate(nn.Module):
    """Widen and bend (exact GELU)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.intermediate_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [tokens, intermediate_size]."""
        return gelu(self.dense(hidden))


class Layer(nn.Module):
    """Attention and feed-forward."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = AddAndNorm(config.intermediate_size, config)

    def forward(self, hidden: Tensor, batch: Packed) -> Tensor:
        """Return [tokens, hidden_size]."""
        seen = self.attention(hidden, batch)
        result: Tensor = self.output(self.intermediate(seen), seen)
        return result
