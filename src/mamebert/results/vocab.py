"""What `mamebert vocab` ends with."""

from pydantic import Field

from mamebert.results.entry import Entry


class Segmentation(Entry):
    """A text beside its tokens."""

    text: str = ""
    tokens: list[str] = Field(default=[])


class VocabResults(Entry):
    """The results of learning a vocabulary; those on text that it was not learnt from do not count white space."""

    words_too_long: int | None = None
    """Words that are too long to be cut into pieces, and become [UNK] whole."""
    characters_too_long_rate: float | None = None
    """Share of the characters that lie in them."""
    size: int | None = None
    """Number of tokens."""
    sample_rate: float | None = None
    """Share of the text that the vocabulary was learnt from."""
    held_sentences: int | None = None
    """Sentences that the quality was measured on."""
    unknown_rate: float | None = None
    """Share of the pieces that are [UNK]."""
    unknown_character_rate: float | None = None
    """Share of the characters that lie in them, which tells of long words that become a single [UNK]."""
    pieces_per_word: float | None = None
    """Also called fertility."""
    characters_per_piece: float | None = None
    whole_word_rate: float | None = None
    """Share of the words that are one known piece."""
    bits_per_character: float | None = None
    """What a character takes to tell by the frequency of pieces alone; lower is better."""
    gold_sentences: int | None = None
    """Sentences with marked words that were compared, and those whose words do not spell them."""
    gold_left_out: int | None = None
    boundary_recall: float | None = None
    """Share of the marked borders of words, where no space shows them, that lie between pieces."""
    boundary_precision: float | None = None
    """Share of the borders of pieces that are marked borders."""
    boundary_f1: float | None = None
    """Harmonic mean of the two."""
    vocab_bytes: int | None = None
    """UTF-8 bytes of all tokens."""
    longest_tokens: list[str] = Field(default=[])
    segmentations: list[Segmentation] = Field(default=[])
