"""Which of two models is ahead, and whether that can be told at all.

A difference is only called one when it is larger than the spreads of both sides taken together (the root of the sum
of their squares), and where a test was made, when its p-value is below 0.05.
"""

from math import hypot
from typing import Literal, NamedTuple

from mamebert.reports.readings.outcomes import Outcome

LIKELY = 0.05  # the customary bound of p, above which a difference is put down to chance

Doubt = Literal["", "too few seeds", "within the spread", "chance"]


class Standing(NamedTuple):
    """Two models on the same test rows."""

    ahead: Outcome
    behind: Outcome
    gap: float
    """What is between them, 0 or more."""
    doubt: Doubt
    """Why nobody can be called ahead; "" where somebody can."""
    spread: float
    """Of both sides taken together."""


def who_is_ahead(a: Outcome, b: Outcome, chance: float | None = None) -> Standing:
    """Return how two models stand; `chance` is the p-value of their difference."""
    ahead, behind = (a, b) if a.value >= b.value else (b, a)
    gap, spread = ahead.value - behind.value, hypot(a.spread or 0, b.spread or 0)
    doubt: Doubt = ""
    if any(t.num_seeds == 1 or (t.num_seeds > 1 and t.spread is None) for t in (a, b)):
        doubt = "too few seeds"
    elif gap <= spread:
        doubt = "within the spread"
    elif chance is not None and chance >= LIKELY:
        doubt = "chance"
    return Standing(ahead, behind, gap, doubt, spread)
