"""Muon for hidden matrices: steps that turn every direction of a matrix equally far (Jordan et al., 2024)."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from mamebert.training.processes import shard_like, whole

# Newton-Schulz: x -> a x + b (x xT) x + c (x xT)² x draws all singular values towards 1, the small ones fast; after
# five rounds all but the smallest lie between 0.68 and 1.2. Numbers of Jordan et al.
A, B, C = 3.4445, -4.7750, 2.0315
ROUNDS = 5
# Root mean square of AdamW's steps, as share of the learning rate; so that both learn at one rate (Liu et al., 2025,
# "Muon is scalable for LLM training").
ADAMW_STEP = 0.2


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon for some matrices and AdamW for all else, as one optimizer with one state.

    torch.optim.Muon always multiplies in bfloat16, which costs thirty times as much on processors that do not
    multiply it natively; and two optimizers would be two states to save.
    """

    def __init__(
        self,
        matrices: Sequence[nn.Parameter],
        adamw: torch.optim.AdamW,
        weight_decay: float,
        momentum: float,
        arithmetic: torch.dtype,
    ) -> None:
        lr = adamw.defaults["lr"]
        hidden = {"params": list(matrices), "lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__([hidden, *adamw.param_groups], {})
        self.adamw, self.arithmetic = adamw, arithmetic

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        hidden, *others = self.param_groups
        for matrix in hidden["params"]:
            if matrix.grad is None:
                continue
            state = self.state[matrix]
            if not state:
                state["momentum"] = torch.zeros_like(matrix)
            state["momentum"].lerp_(matrix.grad, 1 - hidden["momentum"])
            # Nesterov's look ahead
            ahead = whole(matrix.grad.lerp(state["momentum"], hidden["momentum"]))
            direction = orthogonal(ahead.to(self.arithmetic)).to(matrix.dtype)
            length = hidden["lr"] * ADAMW_STEP * sqrt(max(matrix.shape))
            matrix.mul_(1 - hidden["lr"] * hidden["weight_decay"])
            matrix.add_(shard_like(matrix, direction), alpha=-length)
        # A restored state comes in new dictionaries.
        self.adamw.param_groups, self.adamw.state = others, self.state
        self.adamw.step()


def orthogonal(matrix: Tensor) -> Tensor:
    """Return about the nearest matrix of the same shape whose singular values are all 1."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide / (wide.norm() + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=B, alpha=C), x, beta=A)
    found: Tensor = x if wide is matrix else x.T
    return found
