"""Tokens as the text gensim reads: one sentence a line, every id a word."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mamebert.corpus.token_shards import TokenShards
from mamebert.files.disk import disk_errors


class Lines:
    """Writes sentences as text, a line each, without a loop over tokens: every id takes the same width.

    Equal width also keeps a worker that gensim starts in the middle of an id from taking the rest of it for another id.
    """

    def __init__(self, shards: TokenShards) -> None:
        width = len(str(shards.vocab_size))
        text = "".join(spell(i, width) + " " for i in range(shards.vocab_size))
        self.shards = shards
        self.bytes_per_token = width + 1
        self._spelt = np.frombuffer(text.encode(), dtype=np.uint8).reshape(-1, width + 1)

    def write(self, path: Path, first: int, last: int) -> int:
        """Write sentences `first` to `last` (not included) to `path`; return the number of tokens."""
        starts = self.shards.sentence_starts[first : last + 1]
        spelt = self._spelt[self.shards.tokens(int(starts[0]), int(starts[-1]))]
        spelt[starts[1:] - starts[0] - 1, -1] = ord("\n")
        with disk_errors(path):
            path.write_bytes(spelt.data)  # numpy's own tofile() hides why a disk refused
        return len(spelt)


def slices(sentence_starts: npt.NDArray[np.int64], num_tokens: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) sentence numbers of runs of whole sentences of at most `num_tokens`, or one sentence."""
    first, end = 0, len(sentence_starts) - 1
    while first < end:
        fits = int(np.searchsorted(sentence_starts, sentence_starts[first] + num_tokens, side="right")) - 1
        last = min(max(fits, first + 1), end)
        yield first, last
        first = last


def spell(token_id: int, width: int) -> str:
    """Return the word that stands for an id."""
    return f"{token_id:0{width}d}"
