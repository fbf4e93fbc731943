"""What `mamebert tokenize` ends with."""

from mamebert.results.entry import Entry


class TextTokens(Entry):
    """How much text there is."""

    tokens: int | None = None
    sentences: int | None = None
    documents: int | None = None


class TokenizeResults(TextTokens):
    """The results of encoding a corpus: the sums over both parts, and each part."""

    seconds_encoding: float | None = None
    """Wall time, of the last start alone where it was stopped."""
    train: TextTokens | None = None
    heldout: TextTokens | None = None
    """Kept apart to measure the loss on."""
    empty_sentences_dropped: int | None = None
    """Sentences, and documents, without any token."""
    empty_documents_dropped: int | None = None
    unknown_tokens: int | None = None
    """Tokens that are [UNK]."""
    unknown_rate: float | None = None
    """Their share."""
    bytes: int | None = None
    """Of the token shards."""
    tokens_per_core_second: int | None = None
