"""What `mamebert select` ends with."""

from pydantic import Field

from mamebert.results.entry import Entry


class Passages(Entry):
    """So much text."""

    passages: int | None = None
    characters: int | None = None


class Match(Entry):
    """A query and what was found for it."""

    query: str | None = None
    passage: str | None = None
    """The best of all."""
    score: float | None = None
    """By BM25."""


class SelectResults(Entry):
    """The results of a selection."""

    queries: int | None = None
    """Different texts that passages were looked for."""
    queries_without_any: int | None = None
    """Of which no word stands anywhere in the corpus."""
    corpus: Passages | None = None
    """What was read."""
    found: Passages | None = None
    """What was found for one query or several, each passage once."""
    kept: Passages | None = None
    """What of that is in the output: less only where `max_characters` says so."""
    kept_rate: float | None = None
    """Share of the corpus that is in the output, by characters."""
    worst_rank: int | None = None
    """The highest rank, from 1, of a passage that was kept, for the query that it answers best."""
    samples: list[Match] = Field(default=[])
    """A few queries with their best passages, to look at."""
    seconds: float | None = None
