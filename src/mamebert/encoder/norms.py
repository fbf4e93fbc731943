"""Normalisation: LayerNorm, or the cheap stand-in of MobileBERT."""

from typing import Literal

import torch
from torch import Tensor, nn

from mamebert.encoder.parts import LayerNorm

NormKind = Literal["no_norm", "layer_norm"]


class NoNorm(nn.Module):
    """A factor and a shift for each number, and no statistics to wait for (Sun et al., 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the same shape."""
        return hidden * self.weight.to(hidden.dtype) + self.bias.to(hidden.dtype)


def make_norm(kind: NormKind, width: int, eps: float) -> nn.Module:
    """Return a new norm; `eps` is for LayerNorm alone."""
    return LayerNorm(width, eps=eps) if kind == "layer_norm" else NoNorm(width)
