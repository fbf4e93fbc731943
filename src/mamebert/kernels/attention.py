"""Attention over packed sequences: source/attention.cpp as a step of autograd, and torch's own on a GPU."""

from math import sqrt
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mamebert.kernels.native import Library, type_name


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, library: Library, queries: Tensor | None, others: Tensor, biases: Tensor, starts: Any, heads: int,
        window: Any, slopes: Tensor | None,
    ) -> Tensor:  # fmt: skip
        q, k, v = _thirds(queries, others)
        width = q.shape[1] // heads
        about = (
            *starts,
            *(window or (None, -1, -1)),
            slopes,
            q.stride(0),
            k.stride(0),
            len(starts[0]) - 1,
            heads,
            width,
            1 / sqrt(width),
        )
        out, log_sums = q.new_empty(q.shape), torch.empty(len(q), heads)
        library(f"attention_forward_{type_name(q)}", q, k, v, biases, out, log_sums, *about)
        ctx.save_for_backward(*(t for t in (others, biases, log_sums, queries) if t is not None))
        ctx.native, ctx.about = library, about
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        others, biases, log_sums, *queries = ctx.saved_tensors
        inputs = _thirds(queries[0] if queries else None, others)
        d_queries, d_others = torch.empty_like(queries[0]) if queries else None, torch.empty_like(others)
        d_inputs, d_biases = _thirds(d_queries, d_others), torch.empty_like(biases)
        ctx.native(
            f"attention_backward_{type_name(others)}", upstream.contiguous(), *inputs, biases, log_sums,
            *d_inputs, d_biases, *ctx.about,
        )  # fmt: skip
        return None, d_queries, d_others, d_biases, None, None, None, None


def packed_attention(
    library: Library,
    queries: Tensor | None,
    others: Tensor,
    biases: Tensor,
    starts: tuple[Tensor, Tensor],
    num_heads: int,
    window: tuple[Tensor, int, int] | None = None,
    slopes: Tensor | None = None,
) -> Tensor:
    """Return [queries, hidden_size]: every query's mixture of the values of its own sequence.

    `others` holds keys and values side by side, [tokens, 2 * hidden_size], or with `queries` None, queries, keys and
    values, [tokens, 3 * hidden_size]; all of them without `biases`, float32 [3 * hidden_size], which are added here.
    `starts` gives for queries and for tokens where each sequence begins, and the count of all: int64 [sequences + 1].
    With a `window`, int64 [queries] and two numbers, a query sees only the tokens that are no further than these to the
    left and to the right of its own place in its sequence; below 0 is no bound. With `slopes`, float32 [heads], and
    such places, each head's is taken from a score as often as its tokens are apart (Press et al., 2022). Scaled dot
    products as in Vaswani et al. (2017).
    """
    about = (starts, num_heads, window, slopes)
    seen: Tensor = _Attention.apply(library, queries, others, biases, *about)  # type: ignore[no-untyped-call]
    return seen


def on_gpu(hidden: Tensor) -> bool:
    """Return whether torch has attention over packed sequences for this type on this device."""
    return hidden.device.type == "cuda" and hidden.dtype in (torch.float16, torch.bfloat16)


def gpu_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    query_spans: Tensor,
    key_spans: Tensor,
    longest: int,
    window: tuple[int, int] = (-1, -1),
) -> Tensor:
    """Return [queries, heads, width] by FlashAttention over packed sequences (Dao et al., 2022).

    `query` [queries, heads, width]; `key` and `value` [tokens, heads, width]; spans int32 [sequences + 1]. With a
    `window`, where queries are all tokens, each sees only those no further to its left and right; below 0 is no bound.
    """
    from torch.nn.attention.varlen import varlen_attn

    seen = varlen_attn(query, key, value, query_spans, key_spans, longest, longest, window_size=window)
    assert isinstance(seen, Tensor)  # a pair only for those who ask for more
    return seen


def _thirds(queries: Tensor | None, others: Tensor) -> tuple[Tensor, ...]:
    return others.chunk(3, dim=1) if queries is None else (queries, *others.chunk(2, dim=1))
