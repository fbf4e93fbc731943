"""Sources of rows: ONE FILE PER KIND."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from mamebert.config import Choice
from mamebert.corpus.formats.opening import content_suffix
from mamebert.runs import Source

Row = dict[str, Any]


def ignore_progress(num_bytes: int) -> None:
    """Hear how many bytes were read, and do nothing about it."""


KINDS = {
    ".xml": "wikipedia",
    ".conllu": "conllu",
    ".conll": "conll",
    ".bio": "conll",
    ".iob": "conll",
    ".iob2": "conll",
}
"""Suffixes that tell the kind of reader; all others are for `files`."""


def kind_of(path: Path) -> str:
    """Return the kind of reader for a path, by the suffix of the file."""
    suffix = content_suffix(path).partition("-")[0]  # parts of a dump end in .xml-p1p41242.bz2
    return KINDS.get(suffix, "files")


class Reader(Choice):
    """Rows from somewhere. A bare string that names no kind is the path of files: `"corpus/*.txt"`."""

    kinds_unsaid: ClassVar[frozenset[str]] = frozenset({"files", *KINDS.values()})

    @abstractmethod
    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the rows: columns by name. Unlabelled text has the column `text`, a paragraph per line.

        `told` hears the stored bytes that were read since it heard last; they add up to `num_bytes()`.
        The order is the same in every run. What is wrong with the source is a UserError.
        """

    @abstractmethod
    def fingerprint(self) -> list[Source]:
        """Return the text behind the rows, named by its content; settings such as masking play no part in it."""

    def first_rows(self, most: int) -> list[Row]:
        """Return the first rows, to be looked at before work begins; none where even they would take minutes.

        What is wrong with the source, as far as seconds tell, is a UserError.
        """
        return list(islice(self.rows(), most))

    def num_bytes(self) -> int | None:
        """Return the size of what will be read, as stored; None when nobody knows."""
        return None

    def passed_over(self) -> Counter[str]:
        """Count the files that lie among those that are read and are not, by what their names end in."""
        return Counter()

    def encodings(self) -> Counter[str]:
        """Count the encodings that were found in the files, where that was asked for."""
        return Counter()

    def num_clean_bytes(self) -> int:
        """Return about how many bytes the cleaned documents will take on disk; 0 when nobody knows."""
        return 0

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read a bare string as a kind where it names one, else as a path, whose suffix may tell the kind."""
        return {"kind": text} if text in cls.names() else {"kind": kind_of(Path(text)), "path": text}

    @classmethod
    def kind_unsaid(cls, settings: Mapping[str, Any]) -> str | None:
        """Read settings with a path as the kind that its suffix tells, as where the path stands alone."""
        path = settings.get("path")
        first = path[0] if isinstance(path, list | tuple) and path else path
        return kind_of(Path(first)) if isinstance(first, str | Path) else None
