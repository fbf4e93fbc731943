"""What `mamebert clean` ends with."""

from pydantic import Field

from mamebert.results.entry import Entry


class TextRead(Entry):
    """How much text there is."""

    documents_read: int | None = None
    """With text that was dropped."""
    characters_read: int | None = None
    documents: int | None = None
    """Kept, with their sentences and characters."""
    sentences: int | None = None
    characters: int | None = None


class CleanResults(TextRead):
    """The results of a cleaning: the sums over all sources, and what was dropped."""

    passed_over: dict[str, int] = Field(default={})
    """Files in the folders that are of no kind that is read, by the ending of their names."""
    dropped: dict[str, int] = Field(default={})
    """By reason: how many documents_ or paragraphs_."""
    sources: list[TextRead] = Field(default=[])
    """In the order of the settings."""
    samples: list[str] = Field(default=[])
    """A few sentences, drawn at random."""
    shards: int | None = None
    """Files of documents."""
    seconds: float | None = None
