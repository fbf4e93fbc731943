"""Kinds of vocabulary: one file each."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from pydantic import Field

from mamebert.config import Choice
from mamebert.tokenizer.sampling import Sample


class Vocabulary(Choice):
    """A vocabulary to learn from text."""

    size: int = Field(default=32_000, ge=10)
    """Number of pieces, special tokens included."""
    sample_characters: int = Field(default=100_000_000, gt=0)
    """Learn from about this many characters, drawn by sentence; memory grows with their distinct words only."""

    def check(self) -> None:
        """Raise UserError, before any text is read, where this vocabulary cannot be learnt on this machine."""

    @abstractmethod
    def train(self, sample: Sample, folder: Path) -> dict[str, Any]:
        """Learn from `sample` and write to `folder` the tokenizer as `transformers.AutoTokenizer` opens it.

        The special tokens have the ids 0 to 4, and the line number in `vocab.txt` is the id. The same sample
        gives the same bytes. Text that supports fewer pieces than `size` is a UserError. What came back is for
        run.json: what of the text the vocabulary does not know, and why.
        """
