"""All layers of an encoder in one call, for answers on a CPU: source/packed_encoder.cpp."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from mamebert.kernels.native import Library, native_of
from mamebert.kernels.ready_weights import BFloat16Weight, Float32Weight, Int8Weight, ready_of

NUMBERS_OF_A_LAYER = 50
"""As struct Layer of the source has them."""
Kind = type[Float32Weight] | type[Int8Weight] | type[BFloat16Weight]
KINDS: tuple[Kind, ...] = (Float32Weight, Int8Weight, BFloat16Weight)
"""In the order of the source."""
ACTIVATIONS = ("gelu", "gelu_new", "relu")
"""In the order of the source."""
EVERYWHERE = (-1, -1)


class DenseParts(NamedTuple):
    """Weight [out_features, in_features] and bias of a dense layer."""

    weight: Tensor
    bias: Tensor


class LayerParts(NamedTuple):
    """One layer of BERT, or of its kin: attention and a feed-forward block, each added to what came in."""

    dense: tuple[DenseParts, ...]
    """Of query, key, value, attention output, intermediate and output."""
    norms: tuple[DenseParts | None, ...]
    """LayerNorm before attention, of the attention output, before the feed-forward block, and of the output."""
    num_heads: int
    gate: DenseParts | None = None
    """What the activated intermediate is multiplied with."""
    activation: str = "gelu"
    reach: tuple[int, int] = EVERYWHERE
    """How many tokens to the left and to the right are seen; -1 means all."""
    slopes: Tensor | None = None
    """float32 [heads]: what a token of distance takes from a score."""
    angles: tuple[Tensor, Tensor] | None = None
    """Cosines and sines by which queries and keys are turned, float32 [positions, head width / 2] each."""


@dataclass(frozen=True)
class PackedEncoder:
    """Where the kernel finds what layers are made of; a copy would point to what it is not, so it is never copied."""

    table: Tensor
    """int64 [layers, 50]: addresses, widths, heads and what is seen."""
    kept: tuple[Tensor, ...]
    """What the addresses lead to."""
    head_width: int
    eps: float
    kind: int
    """Which of KINDS the weights are."""

    def __deepcopy__(self, memo: object) -> None:
        """Return nothing: a copied encoder answers layer by layer until it is made ready itself."""

    @classmethod
    def of(cls, layers: Sequence[LayerParts], head_width: int, eps: float) -> Self | None:
        """Return the layers as the kernel reads them; None where it cannot, or they were not all made ready alike."""
        found = _Addresses()
        rows = [row for parts in layers if (row := found.of_layer(parts)) is not None]
        widths = [head_width, *(len(each.bias) for parts in layers for each in parts.dense)]
        widths += [head_width // 2 for parts in layers if parts.angles]
        if len(rows) < len(layers) or not rows or len(found.kinds) > 1 or any(n % 16 or not n for n in widths):
            return None
        table = torch.tensor(rows, dtype=torch.int64)
        assert table.shape[1] == NUMBERS_OF_A_LAYER
        return cls(table, tuple(found.kept), head_width, eps, KINDS.index(found.kinds.pop()))

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
            self.table, len(self.table), self.eps, self.kind,
        )  # fmt: skip
        return out


class _Addresses:
    def __init__(self) -> None:
        self.kept: list[Tensor] = []
        self.kinds: set[Kind] = set()

    def of_layer(self, parts: LayerParts) -> list[int] | None:
        *others, outer = parts.dense
        row: list[int] = []
        for dense in (*others, parts.gate, outer):
            ready = None if dense is None else ready_of(dense.weight)
            if dense is None:
                row += [0] * 5
            elif not isinstance(ready, KINDS) or parts.activation not in ACTIVATIONS:
                return None
            else:
                self.kinds.add(type(ready))
                more = (ready.steps, ready.offsets) if isinstance(ready, Int8Weight) else (None, None)
                row += [self._of(each) for each in (ready.panels, *more, dense.bias)] + [ready.out_features]
        for norm in parts.norms:
            row += [self._of(norm.weight), self._of(norm.bias)] if norm else [0, 0]
        seen = [self._of(each) for each in (parts.slopes, *(parts.angles or (None, None)))]
        return [*row, *parts.reach, *seen, parts.num_heads, ACTIVATIONS.index(parts.activation)]

    def _of(self, tensor: Tensor | None) -> int:
        if tensor is None:
            return 0
        flat = tensor.detach().contiguous()
        self.kept.append(flat)
        return flat.data_ptr()
