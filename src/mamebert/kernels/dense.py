"""A dense layer together with what follows it, in one pass over its result: GELU, or add and LayerNorm."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import dropout, gelu, layer_norm

from mamebert.kernels.linear import linear
from mamebert.kernels.native import Library, native, type_name


class _BiasGelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, library: Library, hidden: Tensor, bias: Tensor) -> Tensor:
        out = torch.empty_like(hidden)
        library(f"gelu_forward_{type_name(hidden)}", hidden, bias, out, *hidden.shape)
        ctx.save_for_backward(hidden, bias)
        ctx.native = library
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradient, bias = taken(ctx)
        d_bias = torch.empty_like(bias)
        ctx.native(
            f"gelu_backward_{type_name(gradient)}", upstream.contiguous(), gradient, bias, d_bias, *gradient.shape
        )
        return None, gradient, d_bias


class _AddAndNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, library: Library, hidden: Tensor, bias: Tensor, before: Tensor | None, weight: Tensor, shift: Tensor,
        eps: float, drop_rate: float,
    ) -> Tensor:  # fmt: skip
        out, deviation = torch.empty_like(hidden), torch.empty(len(hidden))
        drop = (drop_rate, new_seed() if drop_rate else 0)
        # `hidden` is a matrix product that nobody else will read: it becomes the normalised values.
        library(
            f"add_and_norm_forward_{type_name(hidden)}", hidden, bias, before, weight, shift, out, deviation,
            *hidden.shape, eps, *drop,
        )  # fmt: skip
        ctx.save_for_backward(hidden, deviation, weight)
        ctx.native, ctx.drop, ctx.adds = library, drop, before is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradient, deviation, weight = taken(ctx)
        d_before = torch.empty_like(gradient) if ctx.adds else None
        sums = weight.new_empty(3, len(weight))
        ctx.native(
            f"add_and_norm_backward_{type_name(gradient)}", upstream.contiguous(), gradient, deviation, weight,
            d_before, sums, *gradient.shape, *ctx.drop,
        )  # fmt: skip
        d_weight, d_shift, d_bias = sums
        return None, gradient, d_bias, d_before, d_weight, d_shift, None, None


def linear_gelu(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return gelu(hidden weight^T + bias), exact GELU (Hendrycks and Gimpel, 2016): [..., out_features]."""
    if library := native(hidden, bias):
        product = linear(hidden, weight)
        out: Tensor = _BiasGelu.apply(library, product.view(-1, len(bias)), bias)  # type: ignore[no-untyped-call]
        return out.view(product.shape)
    return gelu(linear(hidden, weight, bias))


def linear_add_norm(
    hidden: Tensor,
    before: Tensor,
    dense: tuple[Tensor, Tensor],
    norm: tuple[Tensor, Tensor],
    eps: float,
    drop_rate: float,
) -> Tensor:
    """Return LayerNorm(before + dropout(hidden weight^T + bias)): [tokens, out_features] (Vaswani et al., 2017).

    `dense` and `norm` are weight and bias of each.
    """
    weight, bias = dense
    if library := native(hidden, bias):
        out: Tensor = _AddAndNorm.apply(library, linear(hidden, weight), bias, before, *norm, eps, drop_rate)  # type: ignore[no-untyped-call]
        return out
    added = dropout(linear(hidden, weight, bias), drop_rate, drop_rate > 0) + before
    return layer_norm(added, bias.shape, norm[0].to(hidden.dtype), norm[1].to(hidden.dtype), eps)


def new_seed() -> int:
    """Draw a seed for the kernels' dropout from torch's generator, which the loop seeds at every step."""
    return int(torch.randint(2**63 - 1, ()))


def taken(ctx: Any) -> tuple[Tensor, ...]:
    """Return what forward saved, for a backward that writes into it and so can run only once."""
    if getattr(ctx, "used", False):
        raise RuntimeError("Native kernels go backward once. Use mamebert.kernels.torch_only() around the forward.")
    ctx.used = True
    saved: tuple[Tensor, ...] = ctx.saved_tensors
    return saved
