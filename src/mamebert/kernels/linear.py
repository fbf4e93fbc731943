"""A dense layer without gradients whose rows do not depend on each other.

A library's product adds in another order for another number of rows, so that what a model answers to one text would
change in its last bits with the texts beside it, and with the number of threads. Here the order is always the same:
by source/linear.cpp, and where there is no compiler by oneDNN's inner product, which keeps it from two rows on.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mamebert.kernels.native import native_of, on_cpu
from mamebert.kernels.ready_weights import ReadyWeight, ready_of

SIZES = (2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Numbers of rows that oneDNN makes code for, some milliseconds and half a megabyte each; in between rows are added."""


def linear(hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return hidden weight^T + bias in the type of `hidden`: [..., out_features].

    Without gradients, in float32 on a CPU, a row of the result depends on its own row of `hidden` alone, bit for bit;
    where `make_ready` was asked for int8, it is made in whole numbers.
    """
    if (ready := _ready(hidden, [weight])) is not None:
        return _by_ready(hidden, ready, [bias])
    weight, bias = weight.to(hidden.dtype), None if bias is None else bias.to(hidden.dtype)
    if torch.is_grad_enabled() or hidden.dtype != torch.float32 or not on_cpu(hidden) or not hidden.numel():
        return functional.linear(hidden, weight, bias)
    rows, weight = hidden.reshape(-1, hidden.shape[-1]).contiguous(), weight.contiguous()
    if library := native_of(hidden):
        out = rows.new_empty(len(rows), len(weight))
        shift = bias if bias is None else bias.contiguous()
        library("linear_float32", rows, weight, shift, out, *rows.shape, len(weight), len(weight), 0)
    else:
        out = _by_onednn(rows, weight, bias)
    return out.view(*hidden.shape[:-1], len(weight))


def linear_side_by_side(hidden: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> Tensor:
    """Return what `linear` gives for each of several weights, side by side: [..., sum of their out_features].

    One product instead of several: small matrices leave the processor idle between calls.
    """
    if (ready := _ready(hidden, weights)) is not None:
        return _by_ready(hidden, ready, biases)
    if len(weights) == 1:
        return linear(hidden, weights[0], biases[0])
    if all(bias is None for bias in biases):
        return linear(hidden, torch.cat(list(weights)), None)
    whole = [
        weight.new_zeros(len(weight)) if bias is None else bias for weight, bias in zip(weights, biases, strict=True)
    ]
    return linear(hidden, torch.cat(list(weights)), torch.cat(whole))


def _ready(hidden: Tensor, weights: Sequence[Tensor]) -> list[ReadyWeight] | None:
    found = [each for weight in weights if (each := ready_of(weight))]
    if len(found) < len(weights) or torch.is_grad_enabled() or hidden.dtype != torch.float32:
        return None
    is_asked = on_cpu(hidden) and hidden.numel() and all(each.answers_for(hidden) for each in found)
    return found if is_asked else None


def _by_ready(hidden: Tensor, weights: Sequence[ReadyWeight], biases: Sequence[Tensor | None]) -> Tensor:
    rows, widths = hidden.reshape(-1, hidden.shape[-1]).contiguous(), [weight.out_features for weight in weights]
    out = rows.new_empty(len(rows), sum(widths))
    for weight, bias, part in zip(weights, biases, out.split(widths, dim=1), strict=True):
        weight.multiply(rows, bias, part)
    return out.view(*hidden.shape[:-1], out.shape[1])


def _by_onednn(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return functional.linear(rows, weight, bias)
    missing = next((size for size in SIZES if size >= len(rows)), len(rows)) - len(rows)
    padded = functional.pad(rows, (0, 0, 0, missing)) if missing else rows
    found: Tensor = torch.ops.mkldnn._linear_pointwise(padded, weight, bias, "none", [], "")
    return found[: len(rows)]
