"""Batches of exactly so many tokens, without padding: where an epoch of sequences is cut.

Where a run of text crosses the end of a batch it is cut in two, and its rest begins the next batch: no token is lost.
A pair of segments cannot go on in another batch, so the longest pairs of the batch are shortened, token by token.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.sentence_pairs import shorten

SizeAt = Callable[[int], int]
"""Tokens of the batch that begins when so many tokens of the epoch are read."""


@dataclass(frozen=True)
class Edges:
    """Where the batches of an epoch begin: batch k reads from edge k to edge k + 1."""

    rows: np.ndarray
    """int64 [batches + 1]: sequence in which each edge lies; the last edge is behind the last sequence."""
    offsets: np.ndarray
    """int64 [batches + 1]: tokens of that sequence, special ones not counted, that belong to the batch before."""
    tokens: np.ndarray
    """int64 [batches]: tokens of each batch, special ones included."""


def shortest(max_length: int) -> int:
    """Return the fewest tokens, special ones included, that a cut may leave: with less there is nothing to guess from.

    Documents that are shorter stay as they are.
    """
    return min(8, max_length // 2 + 1)


def edges_of_runs(ends: np.ndarray, size_at: SizeAt, least: int) -> Edges:
    """Return the edges when runs of text may be cut, with `least` tokens or more on either side.

    `ends` int64 [sequences]: the lengths summed up.
    """
    filled = np.concatenate([[0], ends])
    rows, offsets, tokens = [0], [0], []
    while True:
        begin = int(filled[rows[-1]]) + offsets[-1]
        size = size_at(begin)
        if filled[-1] - begin <= size:
            break
        row, offset = _cut(filled, rows[-1], begin, size, least)
        rows.append(row)
        offsets.append(offset)
        tokens.append(size)
    return _edges([*rows, len(ends)], [*offsets, 0], [*tokens, int(filled[-1]) - begin])


def _cut(filled: np.ndarray, first: int, begin: int, size: int, least: int) -> tuple[int, int]:
    """Return the edge after the batch that begins at token `begin`, in row `first`.

    The batch then has `size` tokens, or 2 or more too few, which `cut_runs` adds.
    """
    mark = begin + size
    row = int(filled.searchsorted(mark, "right")) - 1
    row_begin = max(int(filled[row]), begin)
    gap, left = mark - row_begin, int(filled[row + 1]) - row_begin
    if gap == 0:
        return row, 0
    # A cut costs two more special tokens: `head` tokens stay in front, left + 2 - head are left.
    head = min(gap, left + 2 - least)
    head -= gap - head == 1
    if head >= least:
        return row, row_begin - int(filled[row]) + head - 2
    if gap > 1:
        return row, 0
    # One token is missing: the sequence before gives some of its own to the next batch.
    before = int(filled[row]) - max(int(filled[row - 1]), begin)
    if before + 2 >= 2 * least:
        return row - 1, int(filled[row] - filled[row - 1]) - least
    return max(row - 1, first + 1), 0


def cut_runs(read: Examples, begun: int, cut: int, num_tokens: int) -> Examples:
    """Return the runs between two edges, together `num_tokens` long.

    Of the first run, `begun` tokens belong to the batch before; of the last one, only the first `cut`, if not
    0, to this batch. Where a few tokens are missing, the longest run is shown as two that overlap. (Where
    even that one is too short, as many are missing.)
    """
    starts, sizes = read.starts[:, 0], read.sizes[:, 0]
    sizes[-1] = cut or sizes[-1]
    starts[0] += begun
    sizes[0] -= begun
    row, overlap = int(sizes.argmax()), num_tokens - int(sizes.sum()) - 2 * len(sizes) - 2
    longest = int(sizes[row])
    if 0 <= overlap <= longest and longest >= 2:
        second = (longest + overlap) // 2
        sizes[row] += overlap - second
        starts, sizes = np.append(starts, starts[row] + longest - second), np.append(sizes, second)
    return Examples(starts[:, None], sizes[:, None], np.zeros(len(sizes), np.int64))


def edges_of_whole_texts(ends: np.ndarray, size_at: SizeAt) -> Edges:
    """Return the edges when no sequence is cut: a batch has as many as fit, and one at least."""
    filled = np.concatenate([[0], ends])
    rows = [0]
    while rows[-1] < len(ends):
        begin = int(filled[rows[-1]])
        fitting = int(filled.searchsorted(begin + size_at(begin), "right")) - 1
        rows.append(max(rows[-1] + 1, fitting))
    return _edges(rows, [0] * len(rows), np.diff(filled[rows]).tolist())


def edges_of_pairs(ends: np.ndarray, size_at: SizeAt) -> Edges:
    """Return the edges when sequences stay whole: a batch reaches its size, and `cut_pairs` takes off the excess."""
    filled = np.concatenate([[0], ends])
    rows, tokens = [0], []
    while rows[-1] < len(ends):
        begin = int(filled[rows[-1]])
        size = min(size_at(begin), int(filled[-1]) - begin)
        rows.append(int(filled.searchsorted(begin + size)))
        tokens.append(size)
    return _edges(rows, [0] * len(rows), tokens)


def cut_pairs(read: Examples, num_tokens: int, rng: np.random.Generator) -> Examples:
    """Return the pairs of a batch, together `num_tokens` long."""
    lengths = read.lengths
    if lengths.sum() == num_tokens:
        return read
    room = level(lengths, num_tokens) - read.num_special
    if room.min() < 2:  # no text is left where all pairs are tiny: the last is given up instead
        return read.of(np.arange(len(lengths) - 1))
    starts, sizes = shorten(read.starts, read.sizes, room, rng)
    return replace(read, starts=starts, sizes=sizes)


def level(lengths: np.ndarray, total: int) -> np.ndarray:
    """Return the lengths after the longest has lost one, again and again, until they sum up to `total`."""
    order = np.argsort(lengths, kind="stable")
    rising = lengths[order]
    # If the lengths from place k on are brought to one height, this is it; the first that is higher than it begins.
    heights = (total - (np.cumsum(rising) - rising)) // np.arange(len(rising), 0, -1)
    first = int((rising > heights).argmax())
    rising[first:] = heights[first]
    rising[len(rising) - (total - int(rising.sum())) :] += 1
    result = np.empty_like(lengths)
    result[order] = rising
    return result


def _edges(rows: list[int], offsets: list[int], tokens: list[int]) -> Edges:
    return Edges(*(np.array(values, np.int64) for values in (rows, offsets, tokens)))
