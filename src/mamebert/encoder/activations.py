"""Activations, by the names of `transformers`."""

from collections.abc import Callable, Mapping
from math import pi, sqrt
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import gelu, relu

from mamebert.kernels.dense import linear_gelu
from mamebert.kernels.linear import linear
from mamebert.kernels.native import on_cpu


def _gelu_new(hidden: Tensor) -> Tensor:
    if torch.is_grad_enabled() or not on_cpu(hidden):
        return gelu(hidden, approximate="tanh")
    # torch computes the end of an array by another tanh than the rest, so that a number would depend on its place.
    inner = (hidden + 0.044715 * hidden**3) * sqrt(2 / pi)
    return inner.tanh_().add_(1).mul_(hidden).mul_(0.5)


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"gelu": gelu, "gelu_new": _gelu_new, "relu": relu}
)
"""Exact GELU (Hendrycks and Gimpel, 2016), its tanh approximation, and ReLU."""


def linear_activation(hidden: Tensor, weight: Tensor, bias: Tensor, name: str) -> Tensor:
    """Return what the activation `name` makes of hidden weight^T + bias: [tokens, out_features]."""
    if name == "gelu":
        return linear_gelu(hidden, weight, bias)
    return ACTIVATIONS[name](linear(hidden, weight, bias))
