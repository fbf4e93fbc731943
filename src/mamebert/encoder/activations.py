"""What bends a hidden layer, by the names of `transformers`."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from torch import Tensor
from torch.nn.functional import gelu, linear, relu

from mamebert.kernels.dense import linear_gelu

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"gelu": gelu, "gelu_new": partial(gelu, approximate="tanh"), "relu": relu}
)
"""Exact GELU (Hendrycks and Gimpel, 2016), its tanh approximation, and ReLU."""


def linear_bend(hidden: Tensor, weight: Tensor, bias: Tensor, name: str) -> Tensor:
    """Return what the activation `name` makes of hidden weight^T + bias: [tokens, out_features]."""
    if name == "gelu":
        return linear_gelu(hidden, weight, bias)
    return ACTIVATIONS[name](linear(hidden, weight.to(hidden.dtype), bias.to(hidden.dtype)))
