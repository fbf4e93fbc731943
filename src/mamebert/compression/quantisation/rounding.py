"""Weights of few bits, simulated: numbers are rounded to a grid and stay floats.

Symmetric linear quantisation (Zafrir et al., 2019, Q8BERT): with M = 2^(bits-1) - 1 and a range t, the scale is
s = M / t, the integer is q = clip(round(x s), -M, M), and what is computed with is q / s. Here, as in ONNX, the step
1 / s is kept, so that both round alike. Gradients pass through the rounding unchanged (straight-through; Bengio et
al., 2013).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

SMALLEST_RANGE = 1e-12
"""Keeps the step of an all-zero tensor above 0; its numbers are 0 at any step."""

Rounding = Callable[[Tensor], Tensor]
"""From a weight to the same shape, rounded to the numbers that its few bits can say.

One that is a `RoundsRows` can do so for rows that have been looked up, which spares an embedding the whole table.
"""


@runtime_checkable
class RoundsRows(Protocol):
    """Rounds rows of a table as it would round the table."""

    def __call__(self, weight: Tensor, /) -> Tensor:
        """Return the whole weight, rounded."""

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return `found`, which are the rows [..., columns] of these ids, rounded as the whole table would be."""


def largest_integer(bits: int) -> int:
    """Return M, such as 127 for 8 bits: the grid goes from -M to M."""
    return (1 << (bits - 1)) - 1


def step_for(limit: Tensor, bits: int) -> Tensor:
    """Return limit / M, what one integer stands for; `limit` is the largest magnitude that is told apart."""
    return limit.detach().clamp_min(SMALLEST_RANGE) / largest_integer(bits)


def to_integers(values: Tensor, step: Tensor, bits: int) -> Tensor:
    """Return clip(round(values / step), -M, M), whole numbers in the type of `values`."""
    bound = largest_integer(bits)
    return (values.detach() / step).round_().clamp_(-bound, bound)


def fake_quantise(values: Tensor, limit: Tensor, bits: int) -> Tensor:
    """Return `values` rounded to the grid of `bits` in [-limit, limit]; the gradient is that of the identity.

    `limit` is a scalar, or broadcasts to `values` (a range for each row or group).
    """
    step = step_for(limit, bits)
    return straight_through(values, to_integers(values, step, bits).mul_(step))


def straight_through(values: Tensor, rounded: Tensor) -> Tensor:
    """Return `rounded`, with the gradient going to `values` as if they had not been rounded."""
    found: Tensor = _StraightThrough.apply(values, rounded)  # type: ignore[no-untyped-call]
    return found


class _StraightThrough(torch.autograd.Function):
    # values + (rounded - values).detach() would be off the grid by a rounding error.
    @staticmethod
    def forward(ctx: Any, values: Tensor, rounded: Tensor) -> Tensor:
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


@dataclass(frozen=True)
class PerTensor:
    """One range for a whole matrix: its largest magnitude."""

    bits: int

    def step(self, weight: Tensor) -> Tensor:
        """Return what one integer stands for, []."""
        return step_for(largest_magnitude(weight), self.bits)

    def __call__(self, weight: Tensor) -> Tensor:
        """Return the weight on its grid."""
        return fake_quantise(weight, largest_magnitude(weight), self.bits)

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return rows of a table on the table's grid."""
        return fake_quantise(found, largest_magnitude(table), self.bits)


def largest_magnitude(values: Tensor) -> Tensor:
    """Return max |x|, [], without a copy of `values`."""
    low, high = values.detach().aminmax()
    return torch.maximum(-low, high)
