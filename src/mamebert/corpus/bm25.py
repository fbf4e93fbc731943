"""BM25: how well passages answer queries (Robertson et al., 1994), in Lucene's form (Kamphuis et al., 2020).

The score of a passage for a query is the sum, over the terms of the query, of
idf · f / (f + K1 (1 - B + B · length / mean length)), f being how often the passage has the term, and
idf = ln(1 + (N - n + 0.5) / (n + 0.5)), N being the number of passages and n that of those with the term.
A term that stands twice in a query counts twice.

Passages are read in shards and twice, so that neither they nor an index of them are ever in memory: first to count
(`Counts`), then to score. What is held is of the size of the queries and of what is found for them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from mamebert.corpus.sentences.unspaced import UNSPACED_LETTERS

K1, B = 1.2, 0.75
"""Lucene's, and so Elasticsearch's."""
QUERIES_AT_ONCE = 256
_RUNS = re.compile(rf"[{UNSPACED_LETTERS}]+|[^\W{UNSPACED_LETTERS}]+")
_UNSPACED = re.compile(f"[{UNSPACED_LETTERS}]")

Terms = dict[str, int]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def terms_of(text: str) -> list[str]:
    """Return the terms of a text: its words in lower case and, of scripts without spaces, each pair of neighbours."""
    found: list[str] = []
    for run in _RUNS.findall(text.lower()):
        if len(run) > 1 and _UNSPACED.match(run):
            found += (run[place : place + 2] for place in range(len(run) - 1))
        else:
            found.append(run)
    return found


@dataclass(frozen=True)
class Counts:
    """What is known of some passages once they were counted."""

    lengths: Ints
    """[passages]: terms of each."""
    characters: Ints
    """[passages]"""
    passages_with: Ints
    """[terms of the queries]: passages that have each."""

    def __add__(self, other: Self) -> "Counts":
        """Return what is known of these passages and, after them, the others."""
        return Counts(
            np.append(self.lengths, other.lengths),
            np.append(self.characters, other.characters),
            self.passages_with + other.passages_with,
        )

    @property
    def mean_length(self) -> float:
        """Terms of a passage."""
        return float(self.lengths.mean()) if len(self.lengths) else 0.0

    @cached_property
    def idf(self) -> Floats:
        """[terms of the queries]: the weight of each, 0 or more."""
        having = self.passages_with
        weights: Floats = np.log1p((len(self.lengths) - having + 0.5) / (having + 0.5))
        return weights


def count_passages(passages: Iterable[str], vocabulary: Terms) -> Counts:
    """Count passages for queries with these terms."""
    lengths, characters, having = [], [], np.zeros(len(vocabulary), np.int64)
    for passage in passages:
        terms = terms_of(passage)
        lengths.append(len(terms))
        characters.append(len(passage))
        known = {vocabulary[term] for term in terms if term in vocabulary}
        having[list(known)] += 1
    return Counts(np.array(lengths, np.int64), np.array(characters, np.int64), having)


class Queries:
    """Texts for which passages are to be found."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.vocabulary: Terms = {}
        self._counts: list[list[tuple[int, int]]] = []
        for text in texts:
            counted = Counter(terms_of(text))
            numbers = [self.vocabulary.setdefault(term, len(self.vocabulary)) for term in counted]
            self._counts.append(list(zip(numbers, counted.values(), strict=True)))

    def __len__(self) -> int:
        return len(self._counts)

    def weights(self, counts: Counts, most_terms: int = 0) -> Any:
        """Return what each term adds to a query's scores: sparse [queries, terms], float32.

        Of long texts only the `most_terms` terms that weigh most are asked for; 0 asks for all.
        """
        from scipy.sparse import csr_array

        rows: list[list[tuple[int, float]]] = []
        for query in self._counts:
            weighed = [(term, number * float(counts.idf[term])) for term, number in query if counts.passages_with[term]]
            if most_terms:
                weighed = sorted(sorted(weighed, key=lambda each: (-each[1], each[0]))[:most_terms])
            rows.append(weighed)
        ends = np.cumsum([0, *map(len, rows)])
        flat = [pair for row in rows for pair in row]
        terms, values = np.array([term for term, _ in flat], np.int64), np.array([value for _, value in flat])
        return csr_array((values.astype(np.float32), terms, ends), shape=(len(rows), len(self.vocabulary)))


class Best(NamedTuple):
    """The best passages of each query, best first; of equal ones the one that comes first."""

    scores: npt.NDArray[np.float32]
    """[queries, most]: 0 where there are no more passages with a term of the query."""
    passages: Ints
    """[queries, most]: number of each."""

    def merged(self, later: "Best") -> "Best":
        """Return the best of these and of passages that come after all of these."""
        scores = np.concatenate([self.scores, later.scores], axis=1)
        passages = np.concatenate([self.passages, later.passages], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : self.scores.shape[1]]
        return Best(np.take_along_axis(scores, order, 1), np.take_along_axis(passages, order, 1))

    def ranks(self) -> dict[int, int]:
        """Return the passages that were found for any query, by number, each with its best rank from 0 on."""
        found: dict[int, int] = {}
        for rank in range(self.scores.shape[1]):
            for number in self.passages[self.scores[:, rank] > 0, rank].tolist():
                found.setdefault(number, rank)
        return dict(sorted(found.items()))


def nothing_found(num_queries: int, most: int) -> Best:
    """Return what is found before any passage is read."""
    return Best(np.zeros((num_queries, most), np.float32), np.full((num_queries, most), -1, np.int64))


def find_best(passages: Sequence[str], first: int, vocabulary: Terms, weights: Any, mean: float, most: int) -> Best:
    """Return the `most` best of some passages, numbered from `first` on; `mean` is the length of all there are."""
    saturated = _saturated(passages, vocabulary, mean).T.tocsr()
    found = nothing_found(weights.shape[0], most)
    for begin in range(0, weights.shape[0], QUERIES_AT_ONCE):
        scores = (weights[begin : begin + QUERIES_AT_ONCE] @ saturated).toarray()
        for row, query in enumerate(scores, start=begin):
            least = np.partition(query, -most)[-most] if len(query) > most else 0.0
            likely = np.flatnonzero((query >= least) & (query > 0))
            likely = likely[np.argsort(-query[likely], kind="stable")][:most]
            found.scores[row, : len(likely)], found.passages[row, : len(likely)] = query[likely], first + likely
    return found


def _saturated(passages: Sequence[str], vocabulary: Terms, mean: float) -> Any:
    """Return f / (f + K1 (1 - B + B · length / mean)): sparse [passages, terms], float32."""
    from scipy.sparse import csr_array

    terms: list[int] = []
    values: list[float] = []
    ends = [0]
    for passage in passages:
        said = terms_of(passage)
        counted = Counter(vocabulary[term] for term in said if term in vocabulary)
        base = K1 * (1 - B + B * len(said) / mean)
        terms += counted.keys()
        values += [number / (number + base) for number in counted.values()]
        ends.append(len(terms))
    shape = (len(passages), len(vocabulary))
    return csr_array((np.array(values, np.float32), np.array(terms, np.int64), ends), shape=shape)
