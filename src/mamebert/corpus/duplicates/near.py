"""Near duplicates: MinHash (Broder, 1997) in bands (locality-sensitive hashing; Leskovec et al., 2014, chapter 3)."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from pydantic import Field

from mamebert.config import Config
from mamebert.corpus.duplicates import digest_of_bytes
from mamebert.corpus.duplicates.seen import Seen
from mamebert.corpus.filters.writing import is_spaced
from mamebert.files.disk import disk_errors

WORD = re.compile(r"\w+")
AT_ONCE = 4096
"""Shingles that are hashed at once; each takes `num_perm` numbers of four bytes."""
BEGINNINGS, BEGINNING_CHARACTERS = 2_000, 90
"""Documents whose beginnings are remembered, to be shown beside what resembles them."""


class Signature(NamedTuple):
    """What is kept of a document, to find near duplicates of it."""

    bands: Sequence[bytes]
    """Digests; documents that share one are candidates."""
    values: bytes
    """The smallest values of `num_perm` hashes, as uint32: two documents share as large a part of them as of their
    shingles."""
    threshold: float
    """The part that near duplicates share."""

    def shared(self, other: bytes) -> float:
        """Return about how large a part of their shingles this document and another share, by its values."""
        return float(np.mean(np.frombuffer(self.values, np.uint32) == np.frombuffer(other, np.uint32)))


class NearDuplicates(Config):
    """Documents that say nearly the same as an earlier one (MinHash; extra `dedup`)."""

    threshold: float | None = Field(default=None, ge=0.5, lt=1)
    """Documents that share about so large a part of their shingles with an earlier one are dropped (Jaccard: the shared
    ones by all of both); 0.8, say. Unset, they are not looked for."""
    num_perm: int = Field(default=128, ge=16, le=1024)
    """Hashes of a document; more make the threshold sharper, and take more time."""
    shingle_words: int = Field(default=5, ge=1)
    """Words in a shingle."""
    shingle_characters: int = Field(default=7, ge=1)
    """Characters in a shingle where no spaces part words."""

    def signature(self, text: str, language: str) -> Signature | None:
        """Return what near duplicates of a document are found by.

        Capitals and punctuation play no part. None where nobody asks, and for a text without a letter.
        """
        words = WORD.findall(text.lower()) if self.threshold else []
        if not self.threshold or not words:
            return None
        if is_spaced(language):
            length, units, joint = self.shingle_words, words, " "
        else:
            length, units, joint = self.shingle_characters, list("".join(words)), ""
        number = max(1, len(units) - length + 1)
        hashed = _min_hash(self.num_perm)
        for start in range(0, number, AT_ONCE):
            ends = range(start, min(start + AT_ONCE, number))
            hashed.update_batch([joint.join(units[place : place + length]).encode() for place in ends])
        num_bands, rows = _bands_and_rows(self.threshold, self.num_perm)
        values = hashed.hashvalues
        bands = [
            digest_of_bytes(bytes([band % 256]) + values[band * rows : (band + 1) * rows].tobytes())
            for band in range(num_bands)
        ]
        return Signature(bands, values.astype(np.uint32).tobytes(), self.threshold)


class NearMet(Seen):
    """The bands of the documents that were kept, and on disk, one behind the other, their values."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._beginnings: dict[int, str] = {}
        self._num_kept = 0

    def earlier(self, signature: Signature, text: str) -> str | None:
        """Return how a near duplicate begins, "" where that is forgotten.

        None where there is none; then the document is remembered. A band that several have is that of the first.
        """
        for number in dict.fromkeys(self.number(band) for band in signature.bands if self.has(band)):
            if signature.shared(self._values(number, len(signature.values))) >= signature.threshold:
                return self._beginnings.get(number, "")
        for band in signature.bands:
            self.is_new(band, self._num_kept)
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "values").open("ab") as file:
                file.write(signature.values)
        self._beginnings[self._num_kept] = text[:BEGINNING_CHARACTERS]
        self._beginnings.pop(self._num_kept - BEGINNINGS, None)
        self._num_kept += 1
        return None

    def _values(self, number: int, size: int) -> bytes:
        with disk_errors(self.folder), (self.folder / "values").open("rb") as file:
            file.seek(number * size)
            return file.read(size)


def _min_hash(num_perm: int) -> Any:
    from datasketch import MinHash

    return MinHash(num_perm, hashfunc=crc32, permutations=_permutations(num_perm), scheme="affine32")


@cache
def _permutations(num_perm: int) -> Any:
    from datasketch import MinHash

    return MinHash(num_perm, scheme="affine32").permutations


@cache
def _bands_and_rows(threshold: float, num_perm: int) -> tuple[int, int]:
    """Return as many bands, and values in each, as make wrong and missed duplicates fewest (of equal weight)."""
    from datasketch import MinHashLSH

    try:
        index = MinHashLSH(threshold, num_perm)
    except ValueError:  # one band would be best for so high a threshold, and datasketch has two at least
        return 2, num_perm // 2
    return index.b, index.r
