"""AdamW over the parameters that learn, and only over those."""

from collections.abc import Collection

import torch
from torch import nn

from mamebert.training.settings import Training


def make_optimizer(
    network: nn.Module,
    settings: Training,
    keep_exact: Collection[nn.Parameter] = (),
    later: Collection[nn.Parameter] = (),
) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter, 2019) for every parameter that learns.

    Frozen parameters are left out: they get no gradient, no state and no decay. `keep_exact` holds
    parameters of which some rows must not move, so they get no decay. `later` holds parameters that are
    frozen now and will learn from some epoch on; AdamW passes over them as long as they have no gradient.
    """
    exact = {id(p) for p in keep_exact}
    learning = [p for p in network.parameters() if p.requires_grad or any(p is q for q in later)]
    decayed = [p for p in learning if p.ndim > 1 and id(p) not in exact]
    plain = [p for p in learning if p.ndim <= 1 or id(p) in exact]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [g for g in groups if g["params"]],
        lr=settings.peak_lr,
        betas=(settings.beta_1, settings.beta_2),
        eps=settings.epsilon,
        fused=True,
    )
