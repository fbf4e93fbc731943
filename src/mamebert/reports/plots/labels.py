"""Texts beside the points of a drawing, placed so that none lies on another text or on a point."""

from collections.abc import Iterator, Sequence
from math import cos, pi, sin
from typing import NamedTuple
from unicodedata import east_asian_width

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

LETTER, HEIGHT = 7.4, 14.0  # of a letter at the page's 13 px
MARK = 6.0  # half the width of a point
NEAR = (0.0, 7.0, 15.0, 25.0, 38.0)  # how far from the mark a text may stand
AROUND = (1, 7, 3, 5, 0, 2, 6, 4)  # eighths of a turn from "right", the most readable first
LEADER_FROM = 12.0  # a text further off is tied to its point by a line


class Spot(NamedTuple):
    """A point, and what would be written beside it."""

    x: float
    y: float
    short: str
    """Needed; "" is nothing."""
    long: str = ""
    """Instead of `short` where there is room for it."""


class Label(NamedTuple):
    """A text and where its middle stands; `leader` is the SVG path of a line to its point, or nothing."""

    text: str
    x: float
    y: float
    leader: str = ""


def place_labels(spots: Sequence[Spot], area: Box, lines: Sequence[Box] = ()) -> list[Label]:
    """Return a label for every spot that has a text; short ones all first, then the long ones that still fit.

    Texts lie on `lines` (thin boxes) only where there is no other place. Where no free place is near enough at all, a
    short text stands right of its point all the same.
    """
    marks: list[Box] = [(s.x - MARK, s.y - MARK, s.x + MARK, s.y + MARK) for s in spots]
    placed: dict[int, tuple[Label, Box]] = {}
    for longer in (False, True):
        for number, spot in enumerate(spots):
            text = spot.long if longer else spot.short
            if not text:
                continue
            others = [*marks, *(box for other, (_, box) in placed.items() if other != number)]
            found = _first_free(spot, text, area, [*others, *lines]) or _first_free(spot, text, area, others)
            if found or not longer:
                placed[number] = found or next(_places(spot, text, area))
    return [label for label, _ in placed.values()]


def _first_free(spot: Spot, text: str, area: Box, taken: Sequence[Box]) -> tuple[Label, Box] | None:
    return next((p for p in _places(spot, text, area) if not any(_meet(p[1], box) for box in taken)), None)


def text_width(text: str) -> float:
    """Return the width of a text in the drawing, about."""
    return sum(LETTER * (1.8 if east_asian_width(letter) in "WF" else 1) for letter in text)


def _places(spot: Spot, text: str, area: Box) -> Iterator[tuple[Label, Box]]:
    """Yield where a text might stand inside the area, the nearest places first."""
    wide, high = text_width(text) / 2 + 1.5, HEIGHT / 2
    outside = True
    for away in NEAR:
        for eighth in AROUND:
            across, down = cos(eighth * pi / 4), -sin(eighth * pi / 4)
            x = spot.x + across * (MARK + 1 + away) + _sign(across) * wide
            y = spot.y + down * (MARK + away) + _sign(down) * high * (0.6 if _sign(across) else 1)
            box = (x - wide, y - high, x + wide, y + high)
            if box[0] >= area[0] and box[1] >= area[1] - 8 and box[2] <= area[2] + 8 and box[3] <= area[3]:
                outside = False
                yield (
                    Label(text, round(x, 1), round(y + 4.5, 1), _leader(spot, box) if away >= LEADER_FROM else ""),
                    box,
                )
    if outside:  # a text longer than the drawing is wide
        yield Label(text, spot.x, spot.y - 10), (spot.x - wide, spot.y - 17, spot.x + wide, spot.y - 3)


def _leader(spot: Spot, box: Box) -> str:
    x = min(max(spot.x, box[0]), box[2])
    y = min(max(spot.y, box[1] + 3), box[3] - 3)
    return f"M{spot.x} {spot.y}L{x:.1f} {y:.1f}"


def _sign(value: float) -> int:
    return 0 if abs(value) < 0.01 else 1 if value > 0 else -1


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
