"""Weights that are multiplied with again and again, laid out once as kernels read them: in float32, bfloat16 or 8 bits.

In 8 bits each row of a weight is rounded by its own step, and each row that it is multiplied with by its own step
around a zero of its own: what flows through is rounded token by token, so that an answer does not depend on what is
asked beside it, as it does where a batch has one range (the dynamic quantisation of other runtimes).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from mamebert.kernels.native import Array, kernels, native_of

if TYPE_CHECKING:
    from torch import Tensor

Floats = npt.NDArray[np.float32]
Precision = Literal["float32", "bfloat16", "int8"]
WIDEST = 64
"""Rows of a weight that lie together in float32, where vectors are longest; elsewhere they are fewer."""
LARGEST = 127
LEVELS = 253
"""Steps from the lowest number of a row to the highest, as source/rounded_product.h counts them."""
ATTRIBUTE = "ready"
COLUMNS, WORD = 16, 4
"""Rows of a weight that lie together where it is rounded, and bytes of each, as source/rounded_product.h reads them."""


class ReadyWeight(Protocol):
    """The matrix of a dense layer, ready to be multiplied with."""

    @property
    def out_features(self) -> int:
        """Columns of what it gives."""

    @property
    def in_features(self) -> int:
        """Columns of what it is multiplied with."""

    def answers_for(self, rows: "Tensor") -> bool:
        """Tell whether it can be multiplied with rows where they are."""

    def multiply(self, rows: "Tensor", bias: "Tensor | None", out: "Tensor") -> None:
        """Write rows weight^T + bias into `out` [rows, out_features], columns of a wider matrix perhaps.

        `rows` is float32 [rows, in_features], contiguous. One that is not finite gives NaN, or what is not finite.
        """


class _ForKernelsAlone:
    """A layout that nothing but the kernels reads."""

    def answers_for(self, rows: "Tensor") -> bool:
        """Tell whether the kernels answer."""
        return native_of(rows) is not None


@dataclass(frozen=True)
class Float32Weight(_ForKernelsAlone):
    """A matrix in float32, in the order in which source/linear.cpp reads it: the numbers it gives are the same."""

    panels: Floats
    """As `pack_float32` leaves them."""
    out_features: int
    in_features: int

    @classmethod
    def of(cls, weight: "Tensor | Array") -> Self | None:
        """Lay out a weight [out_features, in_features]; None where no kernel reads it."""
        library, floats = kernels(), floats_of(weight)
        if library is None or floats is None:
            return None
        rows, depth = floats.shape
        panels = np.empty(-(-rows // WIDEST) * WIDEST * depth, np.float32)
        library("pack_float32", floats, panels, depth, rows)
        return cls(panels, rows, depth)

    def multiply(self, rows: "Tensor", bias: "Tensor | None", out: "Tensor") -> None:
        """Write rows weight^T + bias into `out`."""
        library = native_of(rows)
        assert library is not None
        shift = None if bias is None else bias.float().contiguous()
        library("linear_float32", rows, self.panels, shift, out, *rows.shape, self.out_features, out.stride(0), 1)


@dataclass(frozen=True)
class Int8Weight:
    """The matrix of a dense layer in whole numbers."""

    panels: npt.NDArray[np.int8]
    """[panels, words, COLUMNS, 4]: up to 127, or 64 where processors could not add more up; 0 where nothing is."""
    steps: Floats
    """[panels * COLUMNS]: what 1 stands for in each row."""
    totals: npt.NDArray[np.int32]
    """[panels * COLUMNS]: the sum of each row, by which sums are too large as often as a row's zero says."""
    out_features: int
    in_features: int

    @classmethod
    def of(cls, weight: "Tensor | Array") -> Self:
        """Round a weight [out_features, in_features] of finite numbers."""
        floats = weight.astype(np.float32) if isinstance(weight, np.ndarray) else weight.detach().float().cpu().numpy()
        steps = np.abs(floats).max(axis=1, initial=0) / np.float32(largest_weight())
        whole = np.rint(floats / np.maximum(steps, np.finfo(np.float32).tiny)[:, None]).astype(np.int8)
        totals, missing = whole.sum(axis=1, dtype=np.int32), (0, -len(whole) % COLUMNS)
        return cls(_in_words(whole), np.pad(steps, missing), np.pad(totals, missing), *whole.shape)

    def whole(self) -> "Tensor":
        """Return the whole numbers as they belong, int8 [out_features, in_features]."""
        from torch import from_numpy

        every = from_numpy(self.panels).transpose(1, 2).reshape(-1, self.panels.shape[1] * WORD)
        return every[: self.out_features, : self.in_features]

    def answers_for(self, rows: "Tensor") -> bool:
        """Tell that torch answers where no kernel does, more slowly."""
        return True

    def multiply(self, rows: "Tensor", bias: "Tensor | None", out: "Tensor") -> None:
        """Write rows weight^T + bias into `out`; a row that is not finite gives NaN."""
        if library := native_of(rows):
            shift = None if bias is None else bias.float().contiguous()
            about = (self.panels, self.steps, self.totals, shift)
            library("linear_rounded", rows, *about, out, *rows.shape, self.out_features, out.stride(0))
            return
        import torch

        low, high = rows.amin(dim=1, keepdim=True).clamp(max=0), rows.amax(dim=1, keepdim=True).clamp(min=0)
        step = high * (1 / LEVELS) - low * (1 / LEVELS)
        step = torch.where(step.isfinite(), step, torch.nan)
        inverse = torch.where(step > 1e-36, 1 / step, 0.0)
        zero = (-low * inverse).round()
        whole = ((rows * inverse + zero).round() - zero).nan_to_num(0.0)
        sums = whole.double() @ self.whole().double().T  # exact, where float32 would round
        found = sums.float() * (step * torch.from_numpy(self.steps[: self.out_features]))
        out.copy_(found if bias is None else found + bias)


@dataclass(frozen=True)
class BFloat16Weight(_ForKernelsAlone):
    """The matrix of a dense layer in bfloat16, for rows rounded to it; sums are float32."""

    panels: npt.NDArray[np.uint16]
    """The bits of numbers in bfloat16 [panels, words, COLUMNS, 2]; 0 where nothing is."""
    out_features: int
    in_features: int

    @classmethod
    def of(cls, weight: "Tensor | Array") -> Self | None:
        """Round a weight [out_features, in_features]; None where processors multiply float32 as fast."""
        library, floats, has = kernels(), floats_of(weight), np.zeros(1, np.int64)
        if library is not None:
            library("has_bfloat16", has)
        if floats is None or not has:
            return None
        bits = floats.view(np.uint32)  # to the nearest, and to the even one of two as near
        rounded = ((bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16).astype(np.uint16)
        return cls(_in_words(rounded), *floats.shape)

    def multiply(self, rows: "Tensor", bias: "Tensor | None", out: "Tensor") -> None:
        """Write rows weight^T + bias into `out`."""
        library = native_of(rows)
        assert library is not None
        shift = None if bias is None else bias.float().contiguous()
        about = (self.panels, None, None, shift)
        library("linear_rounded", rows, *about, out, *rows.shape, self.out_features, out.stride(0))


def floats_of(numbers: "Tensor | Array") -> Floats | None:
    """Return numbers as kernels read them, contiguous in float32; None where they are of another type or elsewhere."""
    if not isinstance(numbers, np.ndarray):
        if str(numbers.dtype) != "torch.float32" or native_of(numbers) is None:
            return None
        numbers = numbers.detach().numpy()
    return np.ascontiguousarray(numbers) if numbers.dtype == np.float32 else None


def _in_words(weight: Array) -> Array:
    """Return a weight [out_features, in_features] as [panels, words, COLUMNS, numbers of a word]."""
    deep = WORD // weight.itemsize
    padded = np.pad(weight, ((0, -len(weight) % COLUMNS), (0, -weight.shape[1] % deep)))
    return np.ascontiguousarray(padded.reshape(-1, COLUMNS, padded.shape[1] // deep, deep).transpose(0, 2, 1, 3))


def largest_weight() -> int:
    """Return the largest whole number that a weight is rounded to: 127, or 64 (7 bits) on x86 without VNNI."""
    library, told = kernels(), np.array([LARGEST])
    if library is not None:
        library("int8_largest_weight", told)
    return int(told[0])


def laid_out(weight: "Tensor | Array", precision: Precision) -> ReadyWeight | None:
    """Return a weight [out_features, in_features] as products with it are made in a precision; None without kernels.

    Where bfloat16 would be no faster than float32, that is taken.
    """
    if precision == "int8":
        return Int8Weight.of(weight)
    return (BFloat16Weight.of(weight) if precision == "bfloat16" else None) or Float32Weight.of(weight)


def make_ready(weight: "Tensor", precision: Precision) -> None:
    """Let products with this very tensor be made by what is laid out now, where nothing is learnt.

    The tensor must not change afterwards.
    """
    setattr(weight, ATTRIBUTE, laid_out(weight, precision))


def ready_of(weight: "Tensor | ReadyWeight") -> ReadyWeight | None:
    """Return what `make_ready` made of a tensor, or what is laid out already; None where it was not asked."""
    if isinstance(weight, Float32Weight | Int8Weight | BFloat16Weight):
        return weight
    found: ReadyWeight | None = getattr(weight, ATTRIBUTE, None)
    return found
