"""Attention as plain SVG: which token (down) looks at which (across), darker where it looks more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import ClassVar, NamedTuple

from mamebert.reports.plots.labels import text_width
from mamebert.reports.plots.matrix import DARKEST, Name, shorten
from mamebert.reports.text.blocks import Cell, Table
from mamebert.reports.text.number_format import percent

Head = Sequence[Sequence[float]]
"""Shares: token that looks, token that is looked at."""
LEAST = 0.02
"""Shares below this are left white, so that the page stays small."""
MOST_SIDE, RIGHT, BOTTOM = 96, 48, 6
"""Room for the names of tokens, and for those across, which lean over the right edge."""
CELL = 17.0
SHADES = 6
"""Of small maps, whose fields are put together by their shade."""
SMALL, GAP, WIDTH = 86, 12, 720
"""Side of a small map, room between two, and the width that a row of them may have."""


class Field(NamedTuple):
    """One field: its corner, how dark it is, and what it is in words."""

    x: float
    y: float
    shade: float
    told: str


@dataclass(frozen=True)
class AttentionMap:
    """One head."""

    kind: ClassVar[str] = "attention"
    title: str
    tokens: Sequence[str]
    head: Head

    @cached_property
    def side(self) -> float:
        """Return the room for the names of tokens, beside and above."""
        return round(min(MOST_SIDE, max(map(text_width, self.tokens))) + 8, 1)

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the drawing."""
        whole = round(self.side + CELL * len(self.tokens), 1)
        return whole + RIGHT, whole + BOTTOM

    @property
    def rows(self) -> list[Name]:
        """Return the names down the side."""
        return [
            Name(self.side - 5, round(self.side + CELL * (i + 0.5) + 4.5, 1), shorten(token, MOST_SIDE), token)
            for i, token in enumerate(self.tokens)
        ]

    @property
    def columns(self) -> list[Name]:
        """Return the names across, which are turned."""
        return [
            Name(round(self.side + CELL * (i + 0.5) + 3, 1), self.side - 5, shorten(token, MOST_SIDE), token)
            for i, token in enumerate(self.tokens)
        ]

    @property
    def fields(self) -> Iterator[Field]:
        """Yield what is not white, row by row."""
        for i, row in enumerate(self.head):
            for j, share in enumerate(row):
                if share >= LEAST:
                    x, y = round(self.side + CELL * j, 1), round(self.side + CELL * i, 1)
                    told = f"{self.tokens[i]} → {self.tokens[j]}: {percent(share)}"
                    yield Field(x, y, round(DARKEST * share**0.5, 2), told)

    @property
    def description(self) -> str:
        """Return where each token looks most, for those who do not see the drawing."""
        told = (f"{token} at {looked_at}" for token, (looked_at, _) in zip(self.tokens, self.firsts, strict=True))
        return f"Each token looks most: {', '.join(told)}."

    @property
    def firsts(self) -> list[tuple[str, float]]:
        """Return what each token looks at most, and with what share."""
        best = [max(range(len(row)), key=row.__getitem__) for row in self.head]
        return [(self.tokens[j], row[j]) for row, j in zip(self.head, best, strict=True)]


@dataclass(frozen=True)
class SmallMaps:
    """All heads of an encoder at once, a row for each layer."""

    kind: ClassVar[str] = "small_maps"
    title: str
    layers: Sequence[Sequence[Head]]
    num_tokens: int

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the drawing."""
        widest = max(map(len, self.layers))
        return round(GAP + 30 + widest * self.step, 1), round(24 + len(self.layers) * self.step, 1)

    @property
    def step(self) -> float:
        """Return how far one map is from the next."""
        return round(min(SMALL + GAP, (WIDTH - GAP - 30) / max(map(len, self.layers))), 1)

    @property
    def cell(self) -> float:
        """Return the side of a field."""
        return round((self.step - GAP / 2) / self.num_tokens, 2)

    def corner(self, layer: int, head: int) -> tuple[float, float]:
        """Return where a map begins, from the left and from the top."""
        return round(30 + head * self.step, 1), round(22 + layer * self.step, 1)

    def shades(self, head: Head) -> list[tuple[float, str]]:
        """Return how dark, and the path of all fields that are; a unit of it is a field."""
        paths: dict[int, list[str]] = {}
        for i, row in enumerate(head):
            for j, share in enumerate(row):
                if share >= LEAST:
                    paths.setdefault(ceil(share**0.5 * SHADES), []).append(f"M{j} {i}h1v1h-1z")
        return [(round(DARKEST * shade / SHADES, 2), "".join(parts)) for shade, parts in sorted(paths.items())]

    @property
    def description(self) -> str:
        """Return what is drawn, in words."""
        return f"{len(self.layers)} layers, one below the other, with {sum(map(len, self.layers))} heads."


def looked_at(caption: str, tokens: Sequence[str], heads: Sequence[Head]) -> Table:
    """Return what each token looks at most in each head of a layer."""
    firsts = [AttentionMap("", tokens, head).firsts for head in heads]
    rows = [
        [Cell(token), *(Cell(f"{found[number][0]} {percent(found[number][1])}") for found in firsts)]
        for number, token in enumerate(tokens)
    ]
    header = ["Token", *(f"Head {number}" for number in range(1, len(heads) + 1))]
    return Table(caption, header, rows, num_text_columns=len(header))
