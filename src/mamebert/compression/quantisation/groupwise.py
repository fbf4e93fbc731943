"""Weights of few bits whose ranges belong to small groups of rows (Shen et al., 2020, Q-BERT).

A matrix is cut into groups of neighbouring rows, that is of output neurons; each has a grid of its own, 2^bits values
evenly from its smallest to its largest weight. One range for a whole matrix would spend the few values there are on
its outliers.
"""

from dataclasses import dataclass
from math import gcd
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mamebert.compression.quantisation.bit_packing import packed_size
from mamebert.compression.quantisation.fake_quantisation import QuantisedEmbedding, QuantisedLinear
from mamebert.compression.quantisation.rounding import straight_through
from mamebert.errors import UserError


class Grid(NamedTuple):
    """The values that the weights of each group can have: low + step * (0 ... 2^bits - 1)."""

    lows: Tensor
    """float32 [groups, 1]."""
    steps: Tensor
    """float32 [groups, 1]; 1 where a group has but one value."""
    bits: int

    def codes(self, weight: Tensor) -> Tensor:
        """Return uint8 of the shape of `weight`: the number of the nearest value of its group."""
        numbers = ((weight.reshape(len(self.lows), -1) - self.lows) / self.steps).round_()
        return numbers.clamp_(0, 2**self.bits - 1).to(torch.uint8).reshape(weight.shape)

    def values(self, codes: Tensor) -> Tensor:
        """Return float32 of the shape of `codes`: what they stand for."""
        numbers = codes.reshape(len(self.lows), -1).float()
        return numbers.mul_(self.steps).add_(self.lows).reshape(codes.shape)

    def stored_bytes(self, num_weights: int) -> int:
        """Return the bytes that so many weights take when packed, the grid included."""
        return packed_size(num_weights, self.bits) + 4 * (self.lows.numel() + self.steps.numel())


@dataclass(frozen=True)
class Groupwise:
    """Rounds a weight, each group of its rows to a grid of its own; 0 groups stands for one to each row."""

    bits: int
    groups: int = 0

    def grid(self, weight: Tensor) -> Grid:
        """Return the grid from the smallest to the largest weight of each group of a [rows, columns]."""
        rows = weight.detach().float().reshape(self.groups or len(weight), -1)
        low, high = rows.aminmax(dim=1, keepdim=True)
        step = (high - low) / (2**self.bits - 1)
        return Grid(low, torch.where(step > 0, step, 1.0), self.bits)

    def __call__(self, weight: Tensor) -> Tensor:
        """Return the weight on its grids; the gradient is that of the identity."""
        grid = self.grid(weight)
        return straight_through(weight, grid.values(grid.codes(weight.detach())))

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return rows of a table, each on the grid of its group."""
        grid, per_group = self.grid(table), len(table) // (self.groups or len(table))
        group = ids.flatten() // per_group
        theirs = Grid(grid.lows[group], grid.steps[group], self.bits)
        return straight_through(found, theirs.values(theirs.codes(found.detach())).reshape(found.shape))


@dataclass(frozen=True)
class OnGrid:
    """Stands where `Groupwise` stood once weights have been rounded for good: they stay as they are."""

    grid: Grid

    def __call__(self, weight: Tensor) -> Tensor:
        """Return the weight."""
        return weight

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return the rows."""
        return found


@torch.no_grad()
def settle_groups(root: nn.Module) -> None:
    """Round the weights themselves, once learning is over, and keep their grids."""
    for _, module in rounded_modules(root):
        grid = module.round_weight.grid(module.weight)
        module.weight.copy_(grid.values(grid.codes(module.weight)))
        module.round_weight = OnGrid(grid)


def rounded_modules(encoder: nn.Module) -> list[tuple[str, Any]]:
    """Return the modules whose weights are rounded, with their names."""
    return [(n, m) for n, m in encoder.named_modules() if isinstance(m, QuantisedLinear | QuantisedEmbedding)]


def require_groups(root: nn.Module, groups: int) -> None:
    """Raise UserError where the rows of some matrix cannot be cut into so many groups."""
    rows = {name: each.out_features for name, each in root.named_modules() if isinstance(each, nn.Linear)}
    wrong = next((name for name, number in rows.items() if number % groups), None)
    if wrong is None:
        return
    common = gcd(*rows.values())
    fitting = [n for n in range(1, common + 1) if common % n == 0]
    nearest = min(fitting, key=lambda n: abs(n - groups))
    raise UserError(
        f"{wrong} has {rows[wrong]} rows, which cannot be cut into {groups} groups of one size. "
        f"Give a divisor of {common}, such as groups={nearest}."
    )
