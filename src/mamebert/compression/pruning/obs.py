"""Removing columns of a matrix, one or one block at a time, so that what stays makes up for what goes.

The Optimal Brain Surgeon (Hassibi and Stork, 1993) for structures, as in ZipLM (Kurtic, Frantar and Alistarh, 2023):
with inputs X and H = 2XXᵀ/n, removing the columns S of W costs

    Σ_i W_{i,S} [(H⁻¹)_{SS}]⁻¹ W_{i,S}ᵀ

if the others are then changed by −W_{:,S} [(H⁻¹)_{SS}]⁻¹ (H⁻¹)_{S,:}, which makes them the least-squares refit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

DAMPING = 0.01  # of the mean diagonal (Frantar, Kurtic and Alistarh, 2021)
# Below it float64 has lost too many digits for an inverse that is updated a thousand times.
LEAST_RECIPROCAL_CONDITION = 1e-11


class Hessian:
    """2XXᵀ/n of the inputs that a matrix meets; sums are float64."""

    def __init__(self, size: int, device: torch.device | None = None) -> None:
        self.total = torch.zeros(size, size, dtype=torch.float64, device=device)
        self.num_tokens = 0

    def add(self, inputs: Tensor) -> None:
        """Take in the inputs [tokens, size]."""
        self.total += (inputs.T @ inputs).to(self.total)
        self.num_tokens += len(inputs)

    @property
    def mean(self) -> Tensor:
        """float64 [size, size]."""
        return 2 / max(1, self.num_tokens) * self.total


class Snapshot(NamedTuple):
    """A matrix with some of its structures gone."""

    kept: Tensor
    """int64 [structures kept], rising."""
    weight: Tensor
    """float64 [out_features, structures kept * size]."""
    error: float
    """‖WX − ŴX‖² / ‖WX‖² over the inputs: 0 is no change, 1 is as bad as giving zeros."""


def remove_structures(weight: Tensor, hessian: Tensor, size: int, levels: Sequence[int]) -> list[Snapshot]:
    """Remove structures of `size` neighbouring columns, the cheapest first; return the matrix at each level.

    `weight` is [out_features, in_features], `hessian` float64 [in_features, in_features]. `levels` are the numbers of
    structures kept, falling; the number there are is the matrix as it was, 0 an empty one.
    """
    whole = weight.to(hessian)
    num_structures = whole.shape[1] // size
    kept = torch.arange(num_structures, device=whole.device)
    now, inverse = _prepared(whole, hessian)
    found = []
    for level in levels:
        if 0 < level < len(kept):
            alive = _remove(now, inverse, size, len(kept) - level)
            columns = alive.repeat_interleave(size)
            kept, now, inverse = kept[alive], now[:, columns], inverse[columns][:, columns]
        shown = whole if level == num_structures else now[:, : level * size]
        left = kept[:level]
        found.append(Snapshot(left, shown.clone(), _error(whole, _columns(left, size), shown, hessian)))
    return found


def spread(snapshot: Snapshot, size: int, in_features: int) -> Tensor:
    """Return the matrix of a snapshot at full width, [out_features, in_features], zeros where structures are gone."""
    full = snapshot.weight.new_zeros(len(snapshot.weight), in_features)
    full[:, _columns(snapshot.kept, size)] = snapshot.weight
    return full


def _prepared(whole: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
    """Return the matrix without columns that never get an input, and the inverse Hessian, damped if need be."""
    dead = hessian.diagonal() == 0
    living = hessian + torch.diag(dead.to(hessian))
    factor, failed = torch.linalg.cholesky_ex(living)
    pivots = factor.diagonal()
    if failed or pivots.min() ** 2 < LEAST_RECIPROCAL_CONDITION * pivots.max() ** 2:
        damping = DAMPING * living.diagonal().mean()
        factor = torch.linalg.cholesky(living + damping * torch.eye(len(living)).to(living))
    return whole.masked_fill(dead, 0.0), torch.cholesky_inverse(factor)


def _remove(weight: Tensor, inverse: Tensor, size: int, number: int) -> Tensor:
    """Remove `number` structures from both in place; return bool [structures], False where they were.

    Columns and rows of what is gone stay as zeros with a one on the diagonal, for moving the others at every step
    would take longer than the arithmetic.
    """
    alive = torch.ones(weight.shape[1] // size, dtype=torch.bool, device=weight.device)
    for _ in range(number):
        chosen = int(_scores(weight, inverse, size).masked_fill(~alive, torch.inf).argmin())
        place = slice(chosen * size, (chosen + 1) * size)
        rows = inverse[place].clone()
        scaled = torch.linalg.solve(rows[:, place], rows)  # [(H⁻¹)_SS]⁻¹ (H⁻¹)_S,:
        weight.addmm_(weight[:, place].clone(), scaled, alpha=-1)
        inverse.addmm_(rows.T, scaled, alpha=-1)
        weight[:, place], inverse[place], inverse[:, place] = 0.0, 0.0, 0.0
        inverse[place, place].fill_diagonal_(1.0)
        alive[chosen] = False
    return alive


def _scores(weight: Tensor, inverse: Tensor, size: int) -> Tensor:
    """Return [structures]: what the removal of each adds to the squared error."""
    if size == 1:
        return weight.square().sum(0) / inverse.diagonal()
    blocks = weight.unflatten(1, (-1, size)).permute(1, 2, 0)  # structures size out
    number = torch.arange(len(blocks), device=weight.device)
    corners = inverse.unflatten(1, (-1, size)).unflatten(0, (-1, size))[number, :, number]
    costs: Tensor = (blocks * torch.linalg.solve(corners, blocks)).sum((1, 2))
    return costs


def _columns(kept: Tensor, size: int) -> Tensor:
    return (kept[:, None] * size + torch.arange(size, device=kept.device)).flatten()


def _error(whole: Tensor, columns: Tensor, weight: Tensor, hessian: Tensor) -> float:
    gap = whole.clone()
    gap[:, columns] -= weight
    before = float(((whole @ hessian) * whole).sum())
    return float(((gap @ hessian) * gap).sum()) / before if before else 0.0
