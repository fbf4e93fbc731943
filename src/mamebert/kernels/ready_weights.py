"""Weights that are multiplied with again and again, laid out once as kernels read them: in float32, bfloat16 or 8 bits.

In 8 bits each row of a weight is rounded by its own step, and so is each row that it is multiplied with: the steps of
what flows through are those of each token by itself, so that an answer does not depend on what is asked beside it, as
it does where a batch has one range (the dynamic quantisation of other runtimes).
"""

from dataclasses import dataclass
from typing import Literal, Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from mamebert.kernels.native import native_of

Precision = Literal["float32", "bfloat16", "int8"]
WIDEST = 64
"""Rows of a weight that lie together in float32, where vectors are longest; elsewhere they are fewer."""
LARGEST = 127
ATTRIBUTE = "ready"
COLUMNS, WORD = 16, 4
"""Rows of a weight that lie together where it is rounded, and bytes of each, as source/rounded_product.h reads them."""


class ReadyWeight(Protocol):
    """The matrix of a dense layer, ready to be multiplied with."""

    @property
    def out_features(self) -> int:
        """Columns of what it gives."""

    def answers_for(self, rows: Tensor) -> bool:
        """Tell whether it can be multiplied with rows where they are."""

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor) -> None:
        """Write rows weight^T + bias into `out` [rows, out_features], columns of a wider matrix perhaps.

        `rows` is float32 [rows, in_features], contiguous. One that is not finite gives NaN, or what is not finite.
        """


class _ForKernelsAlone:
    """A layout that nothing but the kernels reads."""

    def answers_for(self, rows: Tensor) -> bool:
        """Tell whether the kernels answer."""
        return native_of(rows) is not None


@dataclass(frozen=True)
class Float32Weight(_ForKernelsAlone):
    """A matrix in float32, in the order in which source/linear.cpp reads it: the numbers it gives are the same."""

    panels: Tensor
    """float32, as `pack_float32` leaves them."""
    out_features: int

    @classmethod
    @torch.no_grad()
    def of(cls, weight: Tensor) -> Self | None:
        """Lay out a weight [out_features, in_features]; None where no kernel reads it."""
        library = native_of(weight)
        if library is None or weight.dtype != torch.float32:
            return None
        rows, depth = weight.shape
        panels = weight.new_empty(-(-rows // WIDEST) * WIDEST * depth)
        library("pack_float32", weight.contiguous(), panels, depth, rows)
        return cls(panels, rows)

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor) -> None:
        """Write rows weight^T + bias into `out`."""
        library = native_of(rows)
        assert library is not None
        shift = None if bias is None else bias.float().contiguous()
        library("linear_float32", rows, self.panels, shift, out, *rows.shape, self.out_features, out.stride(0), 1)


@dataclass(frozen=True)
class Int8Weight:
    """The matrix of a dense layer in whole numbers."""

    panels: Tensor
    """int8 [panels, words, COLUMNS, 4]: up to 127, or 64 where processors could not add more up; 0 where nothing is."""
    steps: Tensor
    """float32 [panels * COLUMNS]: what 1 stands for in each row."""
    offsets: Tensor
    """int32 [panels * COLUMNS]: 128 times the sum of each row, by which kernels' sums are too large."""
    out_features: int
    in_features: int

    @classmethod
    @torch.no_grad()
    def of(cls, weight: Tensor) -> Self:
        """Round a weight [out_features, in_features] of finite numbers."""
        floats = weight.detach().float()
        steps = floats.abs().amax(dim=1) / largest_weight(floats)
        whole = (floats / steps.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round().to(torch.int8)
        offsets, missing = (whole.sum(dim=1) * 128).int(), (0, -len(whole) % COLUMNS)
        return cls(_in_words(whole), pad(steps, missing), pad(offsets, missing), *whole.shape)

    def whole(self) -> Tensor:
        """Return the whole numbers as they belong, int8 [out_features, in_features]."""
        every = self.panels.transpose(1, 2).reshape(-1, self.panels.shape[1] * WORD)
        return every[: self.out_features, : self.in_features]

    def answers_for(self, rows: Tensor) -> bool:
        """Tell that torch answers where no kernel does, more slowly."""
        return True

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor) -> None:
        """Write rows weight^T + bias into `out`; a row that is not finite gives NaN."""
        if library := native_of(rows):
            shift = None if bias is None else bias.float().contiguous()
            about = (self.panels, self.steps, self.offsets, shift)
            library("linear_rounded", rows, *about, out, *rows.shape, self.out_features, out.stride(0))
            return
        most = rows.abs().amax(dim=1, keepdim=True)
        most = torch.where(most.isfinite(), most, torch.nan)
        whole = (rows * torch.where(most > 0, LARGEST / most, 0.0)).round().nan_to_num(0.0)
        sums = whole.double() @ self.whole().double().T  # exact, where float32 would round
        found = sums.float() * (most / LARGEST * self.steps[: self.out_features])
        out.copy_(found if bias is None else found + bias)


@dataclass(frozen=True)
class BFloat16Weight(_ForKernelsAlone):
    """The matrix of a dense layer in bfloat16, for rows rounded to it; sums are float32."""

    panels: Tensor
    """bfloat16 [panels, words, COLUMNS, 2]; 0 where nothing is."""
    out_features: int

    @classmethod
    @torch.no_grad()
    def of(cls, weight: Tensor) -> Self | None:
        """Round a weight [out_features, in_features]; None where processors multiply float32 as fast."""
        library, has = native_of(weight), torch.tensor([0])
        if library is not None:
            library("has_bfloat16", has)
        return cls(_in_words(weight.detach().bfloat16()), len(weight)) if has else None

    def multiply(self, rows: Tensor, bias: Tensor | None, out: Tensor) -> None:
        """Write rows weight^T + bias into `out`."""
        library = native_of(rows)
        assert library is not None
        shift = None if bias is None else bias.float().contiguous()
        about = (self.panels, None, None, shift)
        library("linear_rounded", rows, *about, out, *rows.shape, self.out_features, out.stride(0))


def _in_words(weight: Tensor) -> Tensor:
    """Return a weight [out_features, in_features] as [panels, words, COLUMNS, numbers of a word]."""
    deep = WORD // weight.element_size()
    padded = pad(weight, (0, -weight.shape[1] % deep, 0, -len(weight) % COLUMNS))
    return padded.view(-1, COLUMNS, padded.shape[1] // deep, deep).transpose(1, 2).contiguous()


def largest_weight(like: Tensor) -> int:
    """Return the largest whole number that a weight is rounded to: 127, or 64 (7 bits) on x86 without VNNI."""
    library, told = native_of(like), torch.tensor([LARGEST])
    if library is not None:
        library("int8_largest_weight", told)
    return int(told)


def make_ready(weight: Tensor, precision: Precision) -> None:
    """Let products with this very tensor be made by what is laid out now, where nothing is learnt.

    The tensor must not change afterwards. Where bfloat16 would be no faster than float32, that is taken.
    """
    ready: ReadyWeight | None
    if precision == "int8":
        ready = Int8Weight.of(weight)
    else:
        ready = (BFloat16Weight.of(weight) if precision == "bfloat16" else None) or Float32Weight.of(weight)
    setattr(weight, ATTRIBUTE, ready)


def ready_of(weight: Tensor) -> ReadyWeight | None:
    """Return what `make_ready` made of a tensor; None where it was not asked."""
    found: ReadyWeight | None = getattr(weight, ATTRIBUTE, None)
    return found
