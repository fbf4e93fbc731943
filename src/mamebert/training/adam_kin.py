"""Kin of AdamW that torch does not have: BERT's own, StableAdamW and LAMB.

All three keep a mean of gradients and one of their squares. Every parameter is changed by itself, in a handful of
operations: slower than torch's fused AdamW where an encoder is small.
"""

from collections.abc import Iterable
from math import sqrt
from typing import Any, Literal

import torch
from torch import Tensor

from mamebert.training.processes import whole

Kin = Literal["bert_adamw", "stable_adamw", "lamb"]


class AdamKin(torch.optim.Optimizer):
    """One of the three, over groups with their own rates and decays."""

    def __init__(
        self, groups: Iterable[dict[str, Any]], kind: Kin, lr: float, betas: tuple[float, float], eps: float
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})
        self._change = {"bert_adamw": _bert_adamw, "stable_adamw": _stable_adamw, "lamb": _lamb}[kind]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.zeros(())
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
                state["step"] += 1
                self._change(parameter, parameter.grad, state, group)


def _remember(state: dict[str, Tensor], gradient: Tensor, beta_1: float, beta_2: float) -> tuple[Tensor, Tensor]:
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    mean.lerp_(gradient, 1 - beta_1)
    square.mul_(beta_2).addcmul_(gradient, gradient, value=1 - beta_2)
    return mean, square


def _bert_adamw(parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    """BERT's code (Devlin et al., 2019): no correction of the bias to 0, so that first steps are longer or shorter."""
    mean, square = _remember(state, gradient, *group["betas"])
    parameter.mul_(1 - group["lr"] * group["weight_decay"])
    parameter.addcdiv_(mean, square.sqrt().add_(group["eps"]), value=-group["lr"])


def _stable_adamw(parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    """AdamW with AdaFactor's clipping of each tensor's step (Wortsman et al., 2023), as ModernBERT was trained.

    Where gradients have grown beyond what their squares' mean knows, the rate is divided by the root of the mean of
    g² / max(v, eps²). The correction of the bias lies in the betas, b (1 - b^(t-1)) / (1 - b^t).
    """
    step = float(state["step"])
    beta_1, beta_2 = (beta * (1 - beta ** (step - 1)) / (1 - beta**step) for beta in group["betas"])
    mean, square = _remember(state, gradient, beta_1, beta_2)
    surprise = float(whole((gradient.square() / square.clamp(min=group["eps"] ** 2)).mean()))
    lr = group["lr"] / max(1.0, sqrt(surprise))
    parameter.mul_(1 - lr * group["weight_decay"])
    parameter.addcdiv_(mean, square.sqrt().add_(group["eps"]), value=-lr)


def _lamb(parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    """Layer-wise rates for large batches (You et al., 2020): a step is as long as a share of the parameter's length.

    As in GPT-BERT's code that share is not clipped, and what has no decay (biases, LayerNorm) moves as with Adam.
    """
    step = float(state["step"])
    mean, square = _remember(state, gradient, *group["betas"])
    beta_1, beta_2 = group["betas"]
    root = square.sqrt().div_(sqrt(1 - beta_2**step)).add_(group["eps"])
    change = (mean / (1 - beta_1**step)).div_(root).add_(parameter, alpha=group["weight_decay"])
    trust = 1.0
    if group["weight_decay"]:
        length, moved = float(whole(parameter.norm())), float(whole(change.norm()))
        trust = length / moved if length and moved else 1.0
    parameter.add_(change, alpha=-group["lr"] * trust)
