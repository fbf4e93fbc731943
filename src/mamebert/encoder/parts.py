"""Linear and LayerNorm that follow the type of their input: bfloat16 arithmetic on float32 weights.

Weights stay in float32 (bfloat16 would lose small updates) and are cast where they are used. On CPUs
this is faster than torch.autocast, which casts and caches on every call.
"""

from torch import Tensor, nn
from torch.nn import functional


class Linear(nn.Linear):
    """y = x Wᵀ + b in the type of x."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., out_features]."""
        bias = None if self.bias is None else self.bias.to(hidden.dtype)
        return functional.linear(hidden, self.weight.to(hidden.dtype), bias)


class LayerNorm(nn.LayerNorm):
    """LayerNorm (Ba et al., 2016) in the type of its input; sums are float32 inside."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the same shape."""
        weight, bias = self.weight.to(hidden.dtype), self.bias.to(hidden.dtype)
        return functional.layer_norm(hidden, self.normalized_shape, weight, bias, self.eps)
