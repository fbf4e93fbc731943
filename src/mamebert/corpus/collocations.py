"""Collocations of a corpus: runs of words that stand together more often than their parts would let expect.

PMI-Masking (Levine et al., 2021): the PMI of words w1 ... wn is the least, over all ways to cut them into two parts or
more, of log(p(w1 ... wn)² / product of the parts' p); the square is that of the lists its authors released. So "the
Eiffel tower" has no more than its worst cut gives it. Half of the collocations have two words, a quarter three, and an
eighth each four and five.

Runs of words are known by 64-bit hashes. They are counted by parts of the range of hashes, one pass over the corpus for
each, so that memory is bounded however long the corpus is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mamebert.corpus.token_shards import TokenShards
from mamebert.progress import say

LONGEST = 5
SHARES = {2: 0.5, 3: 0.25, 4: 0.125, 5: 0.125}
"""Of all collocations, by their number of words."""
TOKENS_AT_ONCE = 1_000_000
WORTH_TELLING = 1_000_000
"""Tokens that take a second or two."""
HASHES_AT_ONCE = 20_000_000
"""Hashes that are counted in one pass, of 8 bytes each and as much again to sort them."""
_PIECE, _WORD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Collocations:
    """Runs of two to five words, by their hashes."""

    hashes: dict[int, Hashes]
    """By number of words, in order."""

    def matches(self, ids: Ints, begins: Flags, breaks: Ints) -> tuple[Ints, Ints]:
        """Return the collocations in a text: number of the first word of each, and its number of words.

        `begins` bool [tokens] tells where words begin, and `breaks` int64 which tokens no run may go across.
        """
        words, first_tokens = word_hashes(ids, begins)
        parts = np.searchsorted(breaks, first_tokens, side="right")
        found = []
        for size, starts, hashed in runs_of_words(words, parts):
            known = self.hashes.get(size, np.empty(0, np.uint64))
            place = np.searchsorted(known, hashed)
            is_known = known[np.minimum(place, len(known) - 1)] == hashed if len(known) else np.zeros(len(hashed), bool)
            found.append(np.stack([starts[is_known], np.full(int(is_known.sum()), size)]))
        starts, sizes = np.concatenate(found, axis=1) if found else np.empty((2, 0), np.int64)
        return starts, sizes


def word_hashes(ids: Ints, begins: Flags) -> tuple[Hashes, Ints]:
    """Return a hash for each word and its first token; tokens before the first beginning are a word, too."""
    starts = np.flatnonzero(begins)
    if not len(starts) or starts[0]:
        starts = np.append(0, starts)[: len(starts) + 1]
    if not len(ids):
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    inside = np.arange(len(ids)) - np.repeat(starts, np.diff(starts, append=len(ids)))
    with np.errstate(over="ignore"):
        mixed = _mixed(ids.astype(np.uint64) + np.uint64(1)) * _powers(_PIECE, int(inside.max()) + 1)[inside]
        return _mixed(np.add.reduceat(mixed, starts)), starts


def runs_of_words(words: Hashes, parts: Ints, shortest: int = 2) -> Iterator[tuple[int, Ints, Hashes]]:
    """Yield, for each number of words, the first word of every run within one of the `parts` and the run's hash."""
    hashed, factor = words, _WORD
    for size in range(1, LONGEST + 1):
        if len(words) < size:
            return
        if size > 1:
            with np.errstate(over="ignore"):
                hashed = hashed[: len(words) - size + 1] + factor * words[size - 1 :]
                factor = factor * _WORD
        if size >= shortest:
            starts = np.flatnonzero(parts[: len(words) - size + 1] == parts[size - 1 :])
            yield size, starts, hashed[starts]


@lru_cache(maxsize=2)
def collocations_of(folder: Path, min_count: int, rate: float, marks: tuple[int, ...]) -> Collocations:
    """Return the collocations of the training text of a folder of token shards.

    Of all runs of two to five words within a sentence that stand there `min_count` times or more, a share `rate` is
    taken, those of highest PMI among those of their length. None has one of the `marks`, ids of punctuation: what
    stands beside a comma would otherwise be a collocation because commas are frequent.
    """
    shards = TokenShards.open(folder, check=False)
    if shards.num_tokens >= WORTH_TELLING:
        say(f"Looking for collocations in {shards.num_tokens:,} tokens.")
    return find_collocations(shards, min_count, rate, marks)


def find_collocations(shards: TokenShards, min_count: int, rate: float, marks: tuple[int, ...] = ()) -> Collocations:
    """Return the same of opened shards."""
    counted = _count(shards, min_count, marks)
    total = sum(len(found.hashes) for size, found in counted.items() if size > 1)
    num_words = int(counted[1].counts.sum())
    chosen = {}
    for size, share in SHARES.items():
        values = _pmi(size, counted, num_words)
        most = min(len(values), round(rate * share * total))
        best = np.argsort(-values, kind="stable")[:most]
        chosen[size] = np.sort(counted[size].hashes[best])
    return Collocations(chosen)


@dataclass(frozen=True)
class _Counted:
    """Runs of so many words that are frequent enough, and for single words all."""

    hashes: Hashes
    counts: Ints
    words: Hashes
    """[runs, number of words]: the hashes of the words of each."""


def _count(shards: TokenShards, min_count: int, marks: tuple[int, ...]) -> dict[int, _Counted]:
    passes = max(1, -(-LONGEST * shards.num_tokens // HASHES_AT_ONCE))
    found: dict[int, list[_Counted]] = {size: [] for size in range(1, LONGEST + 1)}
    for turn in range(passes):
        met: dict[int, list[tuple[Hashes, Hashes]]] = {size: [] for size in found}
        for words, parts in _text(shards, marks):
            for size, starts, hashed in runs_of_words(words, parts, shortest=1):
                mine = np.flatnonzero(hashed % np.uint64(passes) == turn) if passes > 1 else np.arange(len(hashed))
                hashes, first, counts = np.unique(hashed[mine], return_index=True, return_counts=True)
                inside = words[starts[mine[first]][:, None] + np.arange(size)]
                met[size].append((np.stack([hashes, counts.astype(np.uint64)]), inside))
        for size, pieces in met.items():
            if pieces:
                found[size].append(_frequent(pieces, 1 if size == 1 else min_count))
    return {size: _joined(size, each) for size, each in found.items()}


def _frequent(pieces: list[tuple[Hashes, Hashes]], least: int) -> _Counted:
    pairs = np.concatenate([pair for pair, _ in pieces], axis=1)
    hashes, first, place = np.unique(pairs[0], return_index=True, return_inverse=True)
    counts = np.bincount(place, weights=pairs[1].astype(np.float64)).astype(np.int64)
    kept = counts >= least
    inside = np.concatenate([each for _, each in pieces])
    return _Counted(hashes[kept], counts[kept], inside[first[kept]])


def _joined(size: int, found: list[_Counted]) -> _Counted:
    if not found:
        return _Counted(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty((0, size), np.uint64))
    hashes = np.concatenate([each.hashes for each in found])
    order = np.argsort(hashes)
    counts, words = (np.concatenate([getattr(each, name) for each in found]) for name in ("counts", "words"))
    return _Counted(hashes[order], counts[order], words[order])


def _text(shards: TokenShards, marks: tuple[int, ...]) -> Iterator[tuple[Hashes, Ints]]:
    """Yield word hashes and the part of a sentence that each is in, some sentences at a time; marks stand alone."""
    is_mark = np.isin(np.arange(shards.vocab_size), marks)
    edges = shards.sentence_starts
    first = 0
    while first < shards.num_sentences:
        last = max(first + 1, int(np.searchsorted(edges, edges[first] + TOKENS_AT_ONCE, "right")) - 1)
        start, end = int(edges[first]), int(edges[last])
        ids, begins = shards.tokens(start, end).astype(np.int64), shards.word_starts(start, end).copy()
        begins_sentence = np.zeros(end - start, bool)
        begins_sentence[edges[first:last] - start] = True
        begins |= begins_sentence
        words, tokens = word_hashes(ids, begins)
        marked = is_mark[ids[tokens]]
        parts = np.cumsum(begins_sentence[tokens] | marked | np.append(False, marked[:-1]))
        yield words, parts
        first = last


def _pmi(size: int, counted: dict[int, _Counted], num_words: int) -> npt.NDArray[np.float64]:
    """Return the PMI of the runs of so many words: 2 log p less the likeliest cut into parts.

    The likeliest cut of a prefix is that of a shorter prefix and the run behind it. What is as frequent as that has
    only parts as frequent, so that all of them were counted.
    """
    runs = counted[size].words
    best = np.zeros((size + 1, len(runs)))
    for end in range(1, size + 1):
        cuts = [
            best[begin] + _log_share(runs[:, begin:end], counted[end - begin], num_words)
            for begin in range(end)
            if end - begin < size
        ]
        best[end] = np.max(cuts, axis=0)
    values: npt.NDArray[np.float64] = 2 * np.log(counted[size].counts / num_words) - best[size]
    return values


def _log_share(words: Hashes, counted: _Counted, num_words: int) -> npt.NDArray[np.float64]:
    hashed = _run_hashes(words)
    shares: npt.NDArray[np.float64] = np.log(counted.counts[np.searchsorted(counted.hashes, hashed)] / num_words)
    return shares


def _run_hashes(words: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        found: Hashes = (words * _powers(_WORD, words.shape[1])).sum(axis=1, dtype=np.uint64)
    return found


def _powers(base: np.uint64, number: int) -> Hashes:
    powers = np.ones(number, np.uint64)
    with np.errstate(over="ignore"):
        powers[1:] = np.cumprod(np.full(number - 1, base, np.uint64))
    return powers


def _mixed(values: Hashes) -> Hashes:
    """Return other numbers, each a function of its own, in which every bit depends on all (splitmix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
