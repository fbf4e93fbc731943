"""The blocks of a page; each is drawn as HTML by `blocks.html.jinja` and as Markdown by `report.md.jinja`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from mamebert.reports.text.number_format import NOT_MEASURED


class Block(Protocol):
    """One piece of a section; `kind` names the macro that draws it."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Cell:
    """A field of a table."""

    text: str
    strong: bool = False
    """The best of its column."""
    quiet: bool = False
    """Beside the point: numbers from elsewhere, for comparison."""


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first `num_text_columns` hold words and stand left, the others numbers."""

    kind: ClassVar[str] = "table"
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    groups: Sequence[tuple[str, int]] = ()
    """A second header above the first: (text, columns it spans)."""
    notes: Sequence[str] = ()
    num_text_columns: int = 1

    def flat_header(self) -> list[str]:
        """Return one header text per column, groups written before their columns (Markdown has one header row)."""
        if not self.groups:
            return list(self.header)
        above = [text for text, span in self.groups for _ in range(span)]
        return [
            f"{group}: {text}" if group and text else group or text
            for group, text in zip(above, self.header, strict=True)
        ]


@dataclass(frozen=True)
class Text:
    """Paragraphs."""

    kind: ClassVar[str] = "text"
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Text shown as it is typed."""

    kind: ClassVar[str] = "code"
    text: str
    caption: str = ""


@dataclass(frozen=True)
class Fact:
    """A headline number with what it is and what to hold it against."""

    label: str
    value: str
    beside: str = ""


@dataclass(frozen=True)
class Answers:
    """Words with a share of 1 each, given by one model (or by a word2vec table)."""

    by: str
    words: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Example:
    """A prompt and the answers to it."""

    prompt: str
    answers: Sequence[Answers]


@dataclass(frozen=True)
class Examples:
    """Prompts with their answers, side by side."""

    kind: ClassVar[str] = "examples"
    caption: str
    items: Sequence[Example]
    unit: str
    """What the number beside a word is: probability, cosine."""


@dataclass(frozen=True)
class Pieces:
    """Texts and the pieces a tokenizer makes of them."""

    kind: ClassVar[str] = "pieces"
    caption: str
    items: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class Fold:
    """Blocks that are folded away until a reader asks."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Row:
    """Blocks beside each other where the screen is wide enough."""

    kind: ClassVar[str] = "row"
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    anchor: str
    title: str
    blocks: Sequence[Block]
    lead: str = ""
    """One or two sentences below the heading."""


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    verdict: Sequence[str]
    facts: Sequence[Fact]
    sections: Sequence[Section]
    footer: Sequence[str] = field(default=())
    next_steps: str = ""
    """What a reader may do now, on the first screen."""


def cells(*texts: str | Cell | None, quiet: bool = False) -> list[Cell]:
    """Return a row of a table; None is a field without a measurement."""
    return [
        text if isinstance(text, Cell) else Cell(NOT_MEASURED if text is None else text, quiet=quiet) for text in texts
    ]


def drop_empty_columns(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> tuple[list[str], list[list[Cell]]]:
    """Return the table without the columns that no row has a measurement for."""
    rows = [list(row) for row in rows]
    kept = [i for i in range(len(header)) if i == 0 or any(row[i].text not in ("", NOT_MEASURED) for row in rows)]
    return [header[i] for i in kept], [[row[i] for i in kept] for row in rows]
