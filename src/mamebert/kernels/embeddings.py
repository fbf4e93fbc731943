"""Input embeddings in one pass over memory: three embeddings added, LayerNorm and dropout."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import dropout, embedding, layer_norm

from mamebert.kernels.dense import new_seed, taken
from mamebert.kernels.native import ID, Library, native, require_within, type_name


class _Embeddings(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, library: Library, ids: tuple[Tensor, ...], kind: torch.dtype, eps: float, drop_rate: float,
        weight: Tensor, shift: Tensor, *tables: Tensor,
    ) -> Tensor:  # fmt: skip
        normal, deviation = weight.new_empty(len(ids[0]), len(weight)), weight.new_empty(len(ids[0]))
        out = torch.empty_like(normal, dtype=kind)
        drop = (drop_rate, new_seed() if drop_rate else 0)
        name = f"embeddings_forward_{type_name(out)}_from_{type_name(tables[0])}"
        library(
            name, *ids, *tables, weight, shift, normal, deviation, out,
            *normal.shape, eps, *drop,
        )  # fmt: skip
        ctx.save_for_backward(normal, deviation, weight, *ids)
        ctx.native, ctx.drop, ctx.sizes = library, drop, [len(table) for table in tables]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradient, deviation, weight, *ids = taken(ctx)
        sums = weight.new_empty(2, len(weight))
        ctx.native(
            f"embeddings_backward_{type_name(upstream)}", upstream.contiguous(), gradient, deviation, weight, sums,
            *gradient.shape, *ctx.drop,
        )  # fmt: skip
        d_tables: list[Tensor | None] = []
        for places, size, learns in zip(ids, ctx.sizes, ctx.needs_input_grad[7:], strict=True):
            table = gradient.new_zeros(size, len(weight)) if learns else None
            if table is not None:
                ctx.native("add_to_rows_float32", gradient, places, table, *gradient.shape)
            d_tables.append(table)
        return None, None, None, None, None, *sums, *d_tables


def summed_embeddings(
    ids: tuple[Tensor, ...],
    tables: tuple[Tensor, ...],
    norm: tuple[Tensor, Tensor],
    kind: torch.dtype,
    eps: float,
    drop_rate: float,
) -> Tensor:
    """Return dropout(LayerNorm(the sum of each table at its ids)) in type `kind`: [tokens, hidden_size].

    `ids` are three int64 [tokens]: words, positions and segments (Devlin et al., 2019); `tables` are float32,
    a table of words that does not learn may also be bfloat16.
    """
    for places, table in zip(ids, tables, strict=True):
        require_within(places, len(table), ID)
    if kind in (torch.float32, torch.bfloat16) and (library := native(*tables)):
        out: Tensor = _Embeddings.apply(library, ids, kind, eps, drop_rate, *norm, *tables)  # type: ignore[no-untyped-call]
        return out
    words, positions, segments = (embedding(places, table) for places, table in zip(ids, tables, strict=True))
    added = layer_norm(words + (positions + segments), norm[0].shape, *norm, eps)
    return dropout(added.to(kind), drop_rate, drop_rate > 0)
