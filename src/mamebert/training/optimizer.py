"""The optimizer, over the parameters that learn and only over those."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, get_args

import torch
from torch import nn

from mamebert.errors import UserError
from mamebert.training.adam_kin import AdamKin, Kin
from mamebert.training.devices import pick_precision
from mamebert.training.muon import MuonAndAdamW
from mamebert.training.settings import Training


def make_optimizer(
    network: nn.Module,
    settings: Training,
    keep_exact: Collection[nn.Parameter] = (),
    later: Collection[nn.Parameter] = (),
    lr_factors: Mapping[str, float] = MappingProxyType({}),
) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter, 2019) or its kin for every parameter that learns, Muon beside it, or SGD.

    Frozen parameters are left out: they get no gradient, no state and no decay. `keep_exact` holds
    parameters of which some rows must not move, so they get no decay. `later` holds parameters that are
    frozen now and will learn from some epoch on; they are passed over as long as they have no gradient.
    `lr_factors` are, by parameter name, the rates that are so many times that of all others.
    """
    exact = {id(p) for p in keep_exact}
    learning = {n: p for n, p in network.named_parameters() if p.requires_grad or any(p is q for q in later)}
    hidden = [p for n, p in learning.items() if settings.optimizer == "muon" and _is_hidden_matrix(n, p)]
    others = {n: p for n, p in learning.items() if not any(p is q for q in hidden)}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in others.items():
        decays = parameter.ndim > 1 and id(parameter) not in exact
        groups.setdefault((lr_factors.get(name, 1.0), decays), []).append(parameter)
    rest = _without_muon(
        [
            {"params": found, "weight_decay": settings.weight_decay * decays}
            | ({} if factor == 1 else {"lr_factor": factor})
            for (factor, decays), found in sorted(groups.items(), key=lambda group: group[0], reverse=True)
        ],
        settings,
    )
    if not hidden:
        return rest
    if any(lr_factors.get(name, 1.0) != 1 for name in learning):
        raise UserError("Muon learns at one rate. Leave groups and layer_decay out of learning, or take adamw.")
    assert isinstance(rest, torch.optim.AdamW)
    arithmetic = pick_precision(settings.precision, hidden[0].device)
    return MuonAndAdamW(hidden, rest, settings.weight_decay, settings.muon_momentum, arithmetic)


def _without_muon(groups: list[dict[str, Any]], settings: Training) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.peak_lr)
    betas = (settings.beta_1, settings.beta_2)
    if settings.optimizer in get_args(Kin):
        return AdamKin(groups, settings.optimizer, settings.peak_lr, betas, settings.epsilon)  # type: ignore[arg-type]
    return torch.optim.AdamW(groups, lr=settings.peak_lr, betas=betas, eps=settings.epsilon, fused=True)


def _is_hidden_matrix(name: str, parameter: nn.Parameter) -> bool:
    # Embeddings and heads have a row for each word or answer, which Muon is not made for (Jordan et al., 2024).
    return parameter.ndim == 2 and "encoder.layer." in name
