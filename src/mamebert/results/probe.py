"""What `mamebert probe` ends with."""

from typing import Literal

from pydantic import Field

from mamebert.results.entry import Entry


class FoundRow(Entry):
    """A line of a table that a probe made."""

    name: str = ""
    figures: dict[str, float] = Field(default={})
    label: str = ""
    """What it belongs to; dots of one label have one colour."""


class FoundPlot(Entry):
    """How a table is drawn."""

    kind: Literal["dots", "curves", "points"] = "dots"
    """dots: a line for each row, with an interval (`plus_minus`); curves: figures over another one of the rows;
    points: each row where `x` and the first of `y` say, in one scale for both."""
    y: list[str] = Field(default=[])
    """Figures that are drawn; of dots the first has the interval and the others are marks to hold it against."""
    x: str = ""
    """Figure across, for curves and points."""
    x_title: str = ""
    y_title: str = ""
    level: float | None = None
    """What to hold it against: what chance gives, say."""
    level_name: str = "chance"
    bounds: list[float] = Field(default=[], max_length=2)
    """Least and most that these figures can be; intervals are drawn no further."""


class FoundTable(Entry):
    """Figures of one encoder by what they are about."""

    title: str = ""
    rows: list[FoundRow] = Field(default=[])
    plot: FoundPlot | None = None


class FoundExample(Entry):
    """A text, and what a model made of it."""

    prompt: str = ""
    answers: list[tuple[str, float]] = Field(default=[])
    """Texts, each with a number."""
    about: str = ""
    """What these texts are, as a heading; those of one heading stand together."""
    unit: str = ""
    """What the numbers are: probability, cosine."""


class FoundMap(Entry):
    """Where the tokens of a text look."""

    tokens: list[str] = Field(default=[])
    attention: list[list[list[list[float]]]] = Field(default=[])
    """By layer, head, token that looks and token looked at: shares. A layer may have no head."""


class ProbedModel(Entry):
    """What was found out about one encoder."""

    name: str = ""
    path: str = ""
    figures: dict[str, float] = Field(default={})
    """Numbers by name; the first is what encoders are compared by."""
    tables: list[FoundTable] = Field(default=[])
    examples: list[FoundExample] = Field(default=[])
    maps: list[FoundMap] = Field(default=[])
    unknown_rate: float | None = None
    """Share of the pieces of what was asked that are [UNK]."""
    seconds: float | None = None


class ProbeResults(Entry):
    """The results of a probe."""

    kind: str | None = None
    models: list[ProbedModel] = Field(default=[])
