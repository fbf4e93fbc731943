"""Positions as a slope: scores fall with the distance of two tokens, in each head at its own rate (Press et al., 2022).

Symmetric, for encoders: as far to the right as to the left (MosaicBERT; Portes et al., 2023).
"""

from functools import lru_cache
from math import floor, log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, device


class Slopes:
    """What each head of a layer takes from a score for every token of distance."""

    def __init__(self, num_heads: int, room: int) -> None:
        """`room` is the longest sequence of a graph."""
        self._rates = slopes(num_heads)
        self._room = room

    def of_heads(self) -> "Tensor":
        """Return float32 [heads], on the processor."""
        return _tensor(self._rates, "cpu")

    def fall(self, longest: int, device: "device") -> "Tensor":
        """Return float32 [heads, longest, longest], at most 0: what is added to the scores of queries and keys."""
        import torch

        # A graph holds the places of its longest sequence, and takes as many as there are tokens.
        known = self._room if torch.jit.is_tracing() else longest  # type: ignore[attr-defined, no-untyped-call]
        places = torch.arange(known, device=device, dtype=torch.float32)[:longest]
        apart = places[:, None] - places
        distance = apart.relu() + (places - places[:, None]).relu()  # without Abs, which graphs do not hold
        return _tensor(tuple(-rate for rate in self._rates), str(device))[:, None, None] * distance


def slopes(num_heads: int) -> tuple[float, ...]:
    """Return 2^(-8k/n) for k = 1 .. n heads.

    Where n is no power of two, those of the next lower one, then every second of its double (the paper's own code).
    """
    if not num_heads:
        return ()
    lower = 2 ** floor(log2(num_heads))
    whole = tuple(2.0 ** (-8 * k / lower) for k in range(1, lower + 1))
    between = tuple(2.0 ** (-8 * k / (2 * lower)) for k in range(1, 2 * lower, 2))
    return (*whole, *between[: num_heads - lower])


@lru_cache(maxsize=16)
def _tensor(rates: tuple[float, ...], device: str) -> "Tensor":
    import torch

    return torch.tensor(rates, dtype=torch.float32, device=device)
