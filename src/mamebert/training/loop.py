"""ONE loop for everything that learns."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mamebert.errors import UserError
from mamebert.training.schedules import warmup_then_linear
from mamebert.training.settings import Training


@dataclass(frozen=True)
class Losses:
    """What one batch taught: the total to minimise and its parts, in nats."""

    total: Tensor
    parts: dict[str, float]


@dataclass(frozen=True)
class Step:
    """One optimizer step that has just been taken."""

    number: int
    """Counted from 1."""
    lr: float
    loss: float
    parts: dict[str, float]
    gradient_norm: float


def train(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Any],
    loss: Callable[[Any], Losses],
    settings: Training,
    total_steps: int,
    seed: int,
    done: int = 0,
) -> Iterator[Step]:
    """Yield after each optimizer step; whoever calls records, evaluates, snapshots or stops.

    `batches` begins with the batch of step `done` + 1. Dropout is seeded anew at every step, so a step
    depends on (settings, seed, step) and not on what ran before it in this process. A loss that is not
    a number stops with a UserError before it can reach a weight.
    """
    for number, batch in enumerate(batches, start=done + 1):
        network.train()
        torch.manual_seed(derive_seed(seed, "dropout", number))
        lr = settings.peak_lr * warmup_then_linear(number - 1, total_steps, settings.warmup_rate)
        for group in optimizer.param_groups:
            group["lr"] = lr
        losses = loss(batch)
        losses.total.backward()
        norm = nn.utils.clip_grad_norm_((p for p in network.parameters() if p.requires_grad), settings.clip_norm)
        value = float(losses.total.detach())
        if not np.isfinite(value) or not torch.isfinite(norm):
            raise UserError(
                f"The loss became {value} (gradient norm {float(norm)}) at step {number}. "
                f"Lower training.peak_lr (now {settings.peak_lr}) or raise training.warmup_rate; snapshots are kept."
            )
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield Step(number, lr, value, losses.parts, float(norm))


def derive_seed(seed: int, *what: str | int) -> int:
    """Return a seed for one purpose, independent of all others: 63 bits from SeedSequence."""
    words = [int.from_bytes(w.encode(), "little") if isinstance(w, str) else w for w in what]
    return int(np.random.SeedSequence([seed, *words]).generate_state(1, np.uint64)[0] >> 1)
