"""The mean of the weights over the last steps, which is often better than where they happen to stand (Polyak, 1990).

The averages lie in the optimizer's state, so that snapshots hold them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

AVERAGE = "average"


def follow(optimizer: torch.optim.Optimizer, decay: float) -> None:
    """Average the weights from now on: after each step, `decay` of what was and the rest of what is."""

    @torch.no_grad()
    def after_a_step(stepped: torch.optim.Optimizer, *_: Any) -> None:
        for group in stepped.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = stepped.state[parameter]
                if AVERAGE in state:
                    state[AVERAGE].lerp_(parameter, 1 - decay)
                else:
                    state[AVERAGE] = parameter.detach().clone()

    optimizer.register_step_post_hook(after_a_step)


@contextmanager
def averaged(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Put the averages in the place of the weights for a while; where none are kept, nothing changes."""
    pairs = [
        (parameter, optimizer.state[parameter][AVERAGE])
        for group in optimizer.param_groups
        for parameter in group["params"]
        if AVERAGE in optimizer.state.get(parameter, {})
    ]
    kept = [parameter.detach().clone() for parameter, _ in pairs]
    with torch.no_grad():
        for parameter, average in pairs:
            parameter.copy_(average)
    try:
        yield
    finally:
        with torch.no_grad():
            for (parameter, _), value in zip(pairs, kept, strict=True):
                parameter.copy_(value)
