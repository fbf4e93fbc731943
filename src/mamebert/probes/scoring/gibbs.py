"""Gibbs-like sampling from the answers of a masked-word head (Wang and Cho, 2019).

The paper called BERT a Markov random field with these conditionals; its authors' erratum takes that back, since they
belong to no joint distribution. It is a dependency network (Heckerman et al., 2000), and the chain has some stationary
distribution of its own: samples are for looking at, and no pseudo-log-likelihood is their probability.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Order = Literal["random", "left_to_right", "parallel"]
Conditional = Callable[[Tensor, Tensor], Tensor]
"""Logits [rows, places, vocabulary] of what stands at the places [rows, places] of ids [rows, length]."""


@dataclass(frozen=True)
class Sampling:
    """How the chains walk."""

    order: Order
    """random: one place of each chain, drawn anew each time; left_to_right: one after the other, again and again; both
    mask what is drawn anew. parallel: all places at once, given what stood there."""
    iterations: int
    burn_in: int
    """Iterations at the beginning that draw from the whole distribution, before `top` holds."""
    temperature: float
    top: int
    """Likeliest tokens that are drawn from after the burn-in; 0 is all of them."""


def sample(
    start: Tensor, free: Tensor, mask_id: int, conditional: Conditional, how: Sampling, rng: torch.Generator
) -> Iterator[Tensor]:
    """Yield the chains [chains, length] after each iteration, from `start`; only the places in `free` change.

    One tensor is changed in place: clone what is to be kept.
    """
    ids, rows = start.clone(), torch.arange(len(start))[:, None]
    for number in range(how.iterations):
        top = how.top if number >= how.burn_in else 0
        if how.order == "parallel":
            at = free.expand(len(ids), -1)
        elif how.order == "random":
            at = free[torch.randint(len(free), (len(ids), 1), generator=rng)]
        else:
            at = free[number % len(free)].expand(len(ids), 1)
        if how.order != "parallel":
            ids[rows, at] = mask_id
        ids[rows, at] = _draw(conditional(ids, at), how.temperature, top, rng)
        yield ids


def _draw(logits: Tensor, temperature: float, top: int, rng: torch.Generator) -> Tensor:
    scores = logits.float() / temperature
    if 0 < top < scores.shape[-1]:
        least = scores.topk(top).values[..., -1:]
        scores = scores.masked_fill(scores < least, float("-inf"))
    return torch.multinomial(scores.softmax(-1).flatten(0, 1), 1, generator=rng).view(scores.shape[:-1])
