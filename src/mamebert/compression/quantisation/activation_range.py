"""Activations on a grid of few bits, from their smallest number to their largest.

Asymmetric linear quantisation (Jacob et al., 2018): with N = 2^bits - 1 and a range [low, high] that holds 0, the step
is (high - low) / N and the zero point z = round(-low / step) is the integer that stands for 0, exactly. The integer of
x is clip(round(x / step) + z, 0, N), as ONNX's QuantizeLinear has it. Zafrir et al. (2019) have a symmetric range
instead. What leaves a GELU is never below -0.17 and may be above 20: a symmetric range has half of its integers for
nothing.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self, get_args

import torch
from torch import Tensor, nn

from mamebert.compression.quantisation.rounding import SMALLEST_RANGE, largest_integer, straight_through
from mamebert.errors import UserError

Scheme = Literal["asymmetric", "symmetric"]
"""From the smallest to the largest number; or as far below 0 as above it, which is how it was before 2026-11-29."""

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)


class ActivationGrid(NamedTuple):
    """The numbers that can be told apart: step * (0 ... largest, less the zero point)."""

    step: Tensor
    """float32 []."""
    zero_point: Tensor
    """float32 [], a whole number from 0 to `largest`."""
    largest: int

    @classmethod
    def spanning(cls, low: Tensor, high: Tensor, largest: int) -> Self:
        """Return the grid of `largest` steps from `low` to `high`, moved by half a step at most so that 0 is on it."""
        low, high = low.clamp_max(-SMALLEST_RANGE), high.clamp_min(SMALLEST_RANGE)
        step = (high - low) / largest
        return cls(step, (-low / step).round().clamp(0, largest), largest)

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the first and the last integer when 0 stands for 0."""
        return -self.zero_point, self.largest - self.zero_point

    def rounded(self, values: Tensor) -> Tensor:
        """Return the same shape and type, on the grid; the gradient is that of the identity, beyond the range too."""
        whole = (values.detach() / self.step).round_()
        return straight_through(values, whole.clamp_(*self.bounds()).mul_(self.step))


class ActivationRange(nn.Module):
    """Rounds what flows through, by a range that is followed while learning and stays as it is afterwards.

    The range is a moving average of the smallest and of the largest number of each batch, which the first batch begins
    ("ema"), or that of the tensor at hand ("dynamic"). Before it has seen anything, "ema" does as "dynamic". It always
    holds 0.
    """

    low: Tensor
    high: Tensor
    num_batches: Tensor

    def __init__(
        self,
        bits: int = 8,
        decay: float = 0.9999,
        mode: Literal["ema", "dynamic"] = "ema",
        scheme: Scheme = "asymmetric",
    ) -> None:
        super().__init__()
        self.bits, self.decay, self.mode, self.scheme = bits, decay, mode, scheme
        # A symmetric grid is one of a step less: what is 127 above 0 and 127 below it has 254 steps.
        self.largest = 2 * largest_integer(bits) + (scheme == "asymmetric")
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    def observe(self, values: Tensor) -> None:
        """Let the range follow a batch."""
        begins = self.num_batches == 0
        for kept, found in zip((self.low, self.high), self._range_of(values), strict=True):
            kept.copy_(torch.where(begins, found, torch.lerp(found, kept, self.decay)))
        self.num_batches += 1

    def stays(self) -> bool:
        """Tell whether there is a range that does not depend on the tensor at hand."""
        return self.mode == "ema" and bool(self.num_batches)

    def grid(self) -> ActivationGrid:
        """Return the grid of the range that was followed."""
        return ActivationGrid.spanning(self.low, self.high, self.largest)

    def forward(self, values: Tensor) -> Tensor:
        """Return the same shape, on the grid."""
        if self.stays():
            return self.grid().rounded(values)
        return ActivationGrid.spanning(*self._range_of(values), self.largest).rounded(values)

    def _range_of(self, values: Tensor) -> tuple[Tensor, Tensor]:
        low, high = (each.float() for each in values.detach().aminmax())
        if self.scheme == "asymmetric":
            return low.clamp_max(0), high.clamp_min(0)
        limit = torch.maximum(-low, high)
        return -limit, limit


OF_BEFORE = (".inputs.limit", ".outputs.limit")
"""How tensors were called that said how far from 0 a range went, on either side."""


def scheme_in(how: Mapping[str, Any]) -> Scheme:
    """Return what ranges a folder's activations have by what its config.json says of the method; else a UserError."""
    found = how.get("activation_range", "symmetric")
    for scheme in SCHEMES:
        if scheme == found:
            return scheme
    raise UserError(
        f"config.json says that ranges of activations are {found!r}, which is neither of {', '.join(SCHEMES)}. "
        "Download or save it again."
    )


def ranges_of_before(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the bounds of ranges that were stored as one number, the largest magnitude (before 2026-11-29)."""
    limits = {name.removesuffix("limit"): limit for name, limit in tensors.items() if name.endswith(OF_BEFORE)}
    return {
        f"{place}{bound}": sign * limit for place, limit in limits.items() for bound, sign in (("low", -1), ("high", 1))
    }
