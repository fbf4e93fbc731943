"""What `mamebert vectors` ends with."""

from pydantic import Field

from mamebert.results.entry import Entry


class Coverage(Entry):
    """How much of the vocabulary and of the text has a learnt vector."""

    num_rows: int | None = None
    """Tokens of the vocabulary."""
    num_rows_learnt: int | None = None
    rows_learnt_rate: float | None = None
    num_tokens: int | None = None
    """Tokens of the text."""
    tokens_covered_rate: float | None = None
    """Share of them whose vector is learnt."""
    missing_special: list[str] = Field(default=[])
    """Special tokens without one: none stands in the text."""
    num_missing: int | None = None
    """Other tokens without one."""
    missing: list[str] = Field(default=[])
    """Some of those."""


class VectorsResults(Entry):
    """The results of learning word vectors."""

    coverage: Coverage | None = None
    learning_seconds: float | None = None
    tokens_per_second: int | None = None
    """Over all epochs."""
    neighbours: dict[str, list[tuple[str, float]]] = Field(default={})
    """Of some words the nearest others with their cosines, the nearest first."""
    probe_words_unknown: list[str] = Field(default=[])
    """Words of the settings that have no learnt vector."""
    collapsed: bool | None = None
    """Whether all vectors lie in one direction, so that neighbours mean nothing."""
