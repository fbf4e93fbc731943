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
    encodings: dict[str, int] = Field(default={})
    """Files by the encoding that was found, where the settings leave it to be found."""
    dropped: dict[str, int] = Field(default={})
    """By reason: how many documents_, paragraphs_, lines_ or sentences_."""
    dropped_examples: dict[str, list[str]] = Field(default={})
    """By the same reasons: a few of them, cut short."""
    rules: dict[str, float | str] = Field(default={})
    """The filters that held: those of the preset, and what was set."""
    sources: list[TextRead] = Field(default=[])
    """In the order of the settings."""
    samples: list[str] = Field(default=[])
    """A few sentences, drawn at random."""
    shards: int | None = None
    """Files of documents."""
    seconds: float | None = None
