"""The optimizer, over the parameters that learn and only over those."""

from collections.abc import Collection

import torch
from torch import nn

from mamebert.training.devices import pick_precision
from mamebert.training.muon import MuonAndAdamW
from mamebert.training.settings import Training


def make_optimizer(
    network: nn.Module,
    settings: Training,
    keep_exact: Collection[nn.Parameter] = (),
    later: Collection[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter, 2019) for every parameter that learns, or Muon beside it.

    Frozen parameters are left out: they get no gradient, no state and no decay. `keep_exact` holds
    parameters of which some rows must not move, so they get no decay. `later` holds parameters that are
    frozen now and will learn from some epoch on; they are passed over as long as they have no gradient.
    """
    exact = {id(p) for p in keep_exact}
    learning = {n: p for n, p in network.named_parameters() if p.requires_grad or any(p is q for q in later)}
    hidden = [p for n, p in learning.items() if settings.optimizer == "muon" and _is_hidden_matrix(n, p)]
    others = [p for p in learning.values() if not any(p is q for q in hidden)]
    decayed = [p for p in others if p.ndim > 1 and id(p) not in exact]
    plain = [p for p in others if p.ndim <= 1 or id(p) in exact]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(
        [g for g in groups if g["params"]],
        lr=settings.peak_lr,
        betas=(settings.beta_1, settings.beta_2),
        eps=settings.epsilon,
        fused=True,
    )
    if not hidden:
        return adamw
    arithmetic = pick_precision(settings.precision, hidden[0].device)
    return MuonAndAdamW(hidden, adamw, settings.weight_decay, settings.muon_momentum, arithmetic)


def _is_hidden_matrix(name: str, parameter: nn.Parameter) -> bool:
    # Embeddings and heads have a row for each word or answer, which Muon is not made for (Jordan et al., 2024).
    return parameter.ndim == 2 and "encoder.layer." in name
