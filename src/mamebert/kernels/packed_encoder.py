"""All layers of an encoder in one call, for answers on a CPU: source/packed_encoder.cpp."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from mamebert.kernels.native import Library, native_of
from mamebert.kernels.ready_weights import Float32Weight, Int8Weight, ready_of

NUMBERS_OF_A_LAYER = 35
"""As struct Layer of the source has them."""


class DenseParts(NamedTuple):
    """Weight [out_features, in_features] and bias of a dense layer."""

    weight: Tensor
    bias: Tensor


class LayerParts(NamedTuple):
    """One layer of BERT: what follows attention and the feed-forward block is added to what came in, and normalised."""

    dense: tuple[DenseParts, ...]
    """Of query, key, value, attention output, intermediate and output."""
    norms: tuple[DenseParts, ...]
    """LayerNorm of the attention output and of the output."""
    num_heads: int


@dataclass(frozen=True)
class PackedEncoder:
    """Where the kernel finds what layers are made of; a copy would point to what it is not, so it is never copied."""

    table: Tensor
    """int64 [layers, 35]: addresses, widths and heads."""
    kept: tuple[Tensor, ...]
    """What the addresses lead to."""
    head_width: int
    eps: float
    is_int8: bool

    def __deepcopy__(self, memo: object) -> None:
        """Return nothing: a copied encoder answers layer by layer until it is made ready itself."""

    @classmethod
    def of(cls, layers: Sequence[LayerParts], head_width: int, eps: float) -> Self | None:
        """Return the layers as the kernel reads them; None where it cannot, or they were not all made ready alike."""
        found = _Addresses()
        rows = [row for parts in layers if (row := found.of_layer(parts)) is not None]
        widths = [head_width, *(len(each.bias) for parts in layers for each in parts.dense)]
        if len(rows) < len(layers) or not rows or len(found.kinds) > 1 or any(n % 16 or not n for n in widths):
            return None
        table = torch.tensor(rows, dtype=torch.int64)
        assert table.shape[1] == NUMBERS_OF_A_LAYER
        return cls(table, tuple(found.kept), head_width, eps, found.kinds == {Int8Weight})

    def kernels_for(self, hidden: Tensor) -> Library | None:
        """Return the kernels where they answer: in float32 on a CPU, and where nothing is learnt."""
        if torch.is_grad_enabled() or hidden.dtype != torch.float32 or not hidden.numel():
            return None
        return native_of(hidden)

    def __call__(
        self, library: Library, hidden: Tensor, starts: Tensor, asked: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Return the last hidden states [tokens, hidden_size] of embeddings [tokens, hidden_size].

        `starts`, int64 [sequences + 1], says where each sequence begins. With `asked` only some tokens' come back,
        [rows, hidden_size]: their places in rising order, int64 [rows], and where those of each sequence begin among
        them, int64 [sequences + 1].
        """
        hidden, starts = hidden.contiguous(), starts.contiguous()
        places, wanted = (None, starts) if asked is None else (each.contiguous() for each in asked)
        out = hidden.new_empty(len(hidden) if places is None else len(places), hidden.shape[1])
        if not out.numel():
            return out
        library(
            "encode_packed", hidden, starts, len(starts) - 1, places, wanted, out, hidden.shape[1], self.head_width,
            self.table, len(self.table), self.eps, int(self.is_int8),
        )  # fmt: skip
        return out


class _Addresses:
    def __init__(self) -> None:
        self.kept: list[Tensor] = []
        self.kinds: set[type] = set()

    def of_layer(self, parts: LayerParts) -> list[int] | None:
        row: list[int] = []
        for dense in parts.dense:
            ready = ready_of(dense.weight)
            if not isinstance(ready, Float32Weight | Int8Weight):
                return None
            self.kinds.add(type(ready))
            more = (ready.steps, ready.offsets) if isinstance(ready, Int8Weight) else (None, None)
            row += [self._of(each) for each in (ready.panels, *more, dense.bias)] + [ready.out_features]
        for norm in parts.norms:
            row += [self._of(norm.weight), self._of(norm.bias)]
        return [*row, parts.num_heads]

    def _of(self, tensor: Tensor | None) -> int:
        if tensor is None:
            return 0
        flat = tensor.detach().contiguous()
        self.kept.append(flat)
        return flat.data_ptr()
