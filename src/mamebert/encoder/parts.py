"""Linear and LayerNorm that follow the type of their input (bfloat16 arithmetic on float32 weights), and both joined.

Weights stay in float32 (bfloat16 would lose small updates) and are cast where they are used. On CPUs
this is faster than torch.autocast, which casts and caches on every call.
"""

from torch import Tensor, nn
from torch.nn import functional

from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.dense import linear_add_norm
from mamebert.kernels.linear import linear


class Linear(nn.Linear):
    """y = x Wᵀ + b in the type of x. Without inputs, what is left of a layer that was pruned away, y = b."""

    def reset_parameters(self) -> None:
        """Draw first weights."""
        if self.weight.numel():
            super().reset_parameters()
        elif self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., out_features]."""
        return linear(hidden, self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    """LayerNorm (Ba et al., 2016) in the type of its input; sums are float32 inside."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the same shape."""
        weight, bias = self.weight.to(hidden.dtype), self.bias.to(hidden.dtype)
        return functional.layer_norm(hidden, self.normalized_shape, weight, bias, self.eps)


class AddAndNorm(nn.Module):
    """What ends both halves of a layer: a dense layer, plus what was there before, normalised (post-norm)."""

    def __init__(self, in_features: int, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(in_features, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.drop_rate = config.hidden_dropout_prob

    def forward(self, hidden: Tensor, before: Tensor) -> Tensor:
        """Return [tokens, hidden_size]."""
        dense, norm = self.dense, self.LayerNorm
        weights = (dense.weight, dense.bias), (norm.weight, norm.bias)
        return linear_add_norm(hidden, before, *weights, norm.eps, self.drop_rate if self.training else 0.0)

    def padded(self, hidden: Tensor, before: Tensor) -> Tensor:
        """Return the same as `forward` for [batch, longest, ...], by calls of the parts."""
        dropped = functional.dropout(self.dense(hidden), self.drop_rate, self.training)
        result: Tensor = self.LayerNorm(dropped + before)
        return result
