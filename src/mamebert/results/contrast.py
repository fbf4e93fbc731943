"""What `mamebert contrast` ends with."""

from pydantic import Field

from mamebert.results.entry import Entry


class ContrastResults(Entry):
    """The results of learning document vectors."""

    vector_size: int | None = None
    num_words: int | None = None
    """Entries of the vocabulary that count in the vector of a document."""
    steps: int | None = None
    tokens: int | None = None
    """Tokens of the crops that were read."""
    learning_seconds: float | None = None
    learning_cpu_seconds: float | None = None
    """Seconds of the processor, however busy it was with other work."""
    tokens_per_second: int | None = None
    heldout_pairs: int | None = None
    """Pairs of crops, one of each held-out document; 0 where too few documents were held out."""
    found_before: float | None = None
    """Share of these crops whose partner was the nearest of all before anything was learnt."""
    found: float | None = None
    """The same with what was learnt."""
    heaviest: list[tuple[str, float]] = Field(default=[])
    """Some frequent words that weigh most, with their weights."""
    lightest: list[tuple[str, float]] = Field(default=[])
    """Some frequent words that weigh least."""
    opens_with: list[str] = Field(default=[])
    """The libraries that open the folder of the model."""
