"""Minimal pairs of Japanese sentences that we wrote templates for: particles, counters, polarity, honorifics, ..."""

from collections.abc import Callable, Iterator
from hashlib import sha256

from pydantic import Field

from mamebert.corpus.japanese_pairs import made_pairs
from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.runs import Source


class JapanesePairs(Reader):
    """Good and bad sentences of 26 paradigms in 6 phenomena, for `probe minimal-pairs`.

    Rows have `sentence_good`, `sentence_bad`, `UID` (the paradigm) and `linguistics_term` (the phenomenon). Pairs come
    as twins in which the same two words are right and wrong by turns, with equal neighbours: n-grams get half of them.
    """

    pairs_per_paradigm: int = Field(default=200, ge=2)
    """Pairs of each paradigm, an even number; fewer where its template has no more."""
    seed: int = Field(default=0, ge=0)
    """Decides which sentences are drawn."""

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the pairs by paradigm, twins after each other."""
        for pair in made_pairs(self.pairs_per_paradigm, self.seed):
            yield {
                "sentence_good": pair.good,
                "sentence_bad": pair.bad,
                "UID": pair.paradigm,
                "linguistics_term": pair.phenomenon,
            }

    def fingerprint(self) -> list[Source]:
        """Return the pairs, named by what they are."""
        content = sha256(repr(list(self.rows())).encode()).hexdigest()
        return [Source("japanese_pairs", content)]
