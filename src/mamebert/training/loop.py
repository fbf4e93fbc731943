"""ONE loop for everything that learns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mamebert.training.heap import freed_memory_kept
from mamebert.training.processes import ALONE, Processes, whole
from mamebert.training.schedules import share_of_peak
from mamebert.training.settings import Training
from mamebert.training.trouble import Watch, stop_at_once


@dataclass(frozen=True)
class Losses:
    """What a part of a batch adds to the loss of the batch: the total to minimise and its terms, in nats."""

    total: Tensor
    parts: dict[str, Tensor]


@dataclass(frozen=True)
class Step:
    """One optimizer step that has just been taken."""

    number: int
    """Counted from 1."""
    lr: float
    loss: float
    parts: dict[str, float]
    gradient_norm: float
    trouble: str
    """Why no weight changed; empty after a good step."""


def train(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Sequence[Any]],
    loss: Callable[[Any], Losses],
    settings: Training,
    total_steps: int,
    seed: int,
    done: int = 0,
    processes: Processes = ALONE,
    watch: Watch | None = None,
) -> Iterator[Step]:
    """Yield after each optimizer step; whoever calls records, evaluates, snapshots or stops.

    `batches` begins with the batch of step `done` + 1. Each is a sequence of parts whose losses add up to
    the loss of the batch. Dropout is seeded anew for every part of every step, so a step depends on
    (settings, seed, step) and not on what ran before it or in which process. A step that `watch` finds
    wrong changes no weight; without a watch, a loss that is not a number is a UserError. A group of the optimizer
    with an `lr_factor` learns at so many times the rate.
    """
    watch = watch or stop_at_once()
    device = next(network.parameters()).device
    with freed_memory_kept() if device.type == "cpu" else nullcontext():
        for number, parts in enumerate(batches, start=done + 1):
            network.train()
            lr = settings.peak_lr * watch.lr_factor * share_of_peak(number - 1, total_steps, settings)
            for group in optimizer.param_groups:
                group["lr"] = lr * group.get("lr_factor", 1.0)
            value, terms = _learn(parts, loss, processes, derive_seed(seed, "dropout", number), device)
            norm = nn.utils.clip_grad_norm_((p for p in network.parameters() if p.requires_grad), settings.clip_norm)
            norm = whole(norm)
            trouble = watch.judge(number, value, float(norm))
            if not trouble:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            yield Step(number, lr, value, terms, float(norm), trouble)


def _learn(
    parts: Sequence[Any], loss: Callable[[Any], Losses], processes: Processes, seed: int, device: torch.device
) -> tuple[float, dict[str, float]]:
    """Return the loss of the batch and its terms; its gradients are in the parameters then."""
    taught = []
    for share in processes.shares(parts):
        seed_dropout(derive_seed(seed, share.place), device)
        with processes.gradient_sync(share):
            found = loss(share.part)
            processes.backward(found.total, share)
        taught.append(torch.stack([found.total.detach(), *found.parts.values()]) * share.counts)
    total, *terms = processes.sum(torch.stack(taught).sum(0)).tolist()
    return total, dict(zip(found.parts, terms, strict=True))


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seed the generator that dropout on `device` draws from.

    `torch.manual_seed` also notes a stack trace for each kind of device that is not there: 1 to 5 ms a step.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def derive_seed(seed: int, *what: str | int) -> int:
    """Return a seed for one purpose, independent of all others: 63 bits from SeedSequence."""
    words = [int.from_bytes(w.encode(), "little") if isinstance(w, str) else w for w in what]
    return int(np.random.SeedSequence([seed, *words]).generate_state(1, np.uint64)[0] >> 1)
