"""Log-probabilities of token sequences by n-grams counted in a text: floors that an encoder has to beat.

Only what may be asked is counted, so that memory grows with the questions and not with the text.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.tokenizer.encoding import Tokenizer

Ids = npt.NDArray[np.int64]
ENDS = frozenset(".!?。！？")
"""Tokens that end a sentence; what follows one begins another."""
TEXTS_AT_ONCE = 512
NAMES = ("unigram", "bigram", "trigram")


class NGrams:
    """Unigrams, bigrams and trigrams of tokens, each smoothed with the one before (Witten and Bell, 1991).

    P(w | h) = (c(h w) + t(h) P(w | h')) / (c(h) + t(h)), where t(h) is the number of different tokens seen after h and
    h' is h without its first token; tokens alone have one more than their count. A sentence has two marks before it,
    which are history and never asked for.
    """

    def __init__(self, vocab_size: int, asked: Sequence[Ids], ends: Ids) -> None:
        self._begin, self._ends = vocab_size, ends
        self._base = vocab_size + 1
        if self._base**3 >= 2**63:
            raise UserError(f"N-grams of {vocab_size} tokens are not counted. Take a tokenizer with fewer.")
        self._asked = [self._marked([ids]) for ids in asked]
        wanted = [self._keys(each, order) // self._base for order in (2, 3) for each in self._asked]
        half = len(self._asked)
        self._histories = [_distinct(wanted[:half]), _distinct(wanted[half:])]
        self._singles = np.zeros(self._base, np.int64)
        self._seen = [_Tally(), _Tally()]

    def count(self, texts: Sequence[Ids]) -> None:
        """Count some texts of tokens."""
        marked = self._marked(texts)
        self._singles += np.bincount(marked[marked != self._begin], minlength=self._base)
        for order, histories, tally in zip((2, 3), self._histories, self._seen, strict=True):
            keys = self._keys(marked, order)
            tally.add(keys[_among(keys // self._base, histories)])

    def log_likelihoods(self) -> npt.NDArray[np.float64]:
        """Return the sums over the tokens of each text, in nats: float64 [3, texts], for orders 1, 2 and 3."""
        found = np.zeros((3, len(self._asked)))
        tallies = [_Counted(*tally.all(), self._base) for tally in self._seen]
        total = self._singles.sum() + self._begin  # one more for each token of the vocabulary
        for number, marked in enumerate(self._asked):
            is_asked = marked[2:] != self._begin
            p = (self._singles[marked[2:]] + 1) / total
            found[0, number] = np.log(p[is_asked]).sum()
            for order, tally in zip((2, 3), tallies, strict=True):
                p = tally.mixed(self._keys(marked, order), p)
                found[order - 1, number] = np.log(p[is_asked]).sum()
        return found

    def _marked(self, texts: Sequence[Ids]) -> Ids:
        """Return texts one after another, with two marks before every sentence."""
        marks = np.full(2, self._begin, np.int64)
        joined = np.concatenate([marks, *(each for ids in texts if len(ids) for each in (ids, marks))])
        joined = joined[:-2] if len(joined) > 2 else joined
        ends = np.isin(joined[:-1], self._ends) & (joined[1:] != self._begin)
        return np.insert(joined, np.repeat(np.flatnonzero(ends) + 1, 2), self._begin)

    def _keys(self, marked: Ids, order: int) -> Ids:
        """Return, for each token after the first two, the number of the n-gram that ends with it."""
        found = marked[2:].copy()
        for back in range(1, order):
            found += marked[2 - back : len(marked) - back] * self._base**back
        return found


class _Tally:
    """Counts of numbers, put together when many have come."""

    MOST = 4_000_000

    def __init__(self) -> None:
        self._keys, self._counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._new: list[Ids] = []
        self._waiting = 0

    def add(self, keys: Ids) -> None:
        self._new.append(keys)
        self._waiting += len(keys)
        if self._waiting > self.MOST:
            self._put_together()

    def all(self) -> tuple[Ids, Ids]:
        self._put_together()
        return self._keys, self._counts

    def _put_together(self) -> None:
        keys = np.concatenate([self._keys, *self._new])
        counts = np.concatenate([self._counts, np.ones(len(keys) - len(self._keys), np.int64)])
        self._keys, place = np.unique(keys, return_inverse=True)
        self._counts = np.bincount(place, counts, minlength=len(self._keys)).astype(np.int64)
        self._new, self._waiting = [], 0


class _Counted:
    """What is known of the n-grams of one order."""

    def __init__(self, keys: Ids, counts: Ids, base: int) -> None:
        self._keys, self._counts, self._base = keys, counts, base
        self._histories, place = np.unique(keys // base, return_inverse=True)
        self._times = np.bincount(place, counts, minlength=len(self._histories))
        self._followers = np.bincount(place, minlength=len(self._histories))

    def mixed(self, keys: Ids, shorter: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the probabilities of n-grams, given those with a shorter history."""
        times = _looked_up(keys // self._base, self._histories, self._times)
        followers = _looked_up(keys // self._base, self._histories, self._followers)
        own = _looked_up(keys, self._keys, self._counts)
        return np.where(times > 0, (own + followers * shorter) / np.maximum(times + followers, 1), shorter)


def ngram_scores(tokenizer: Tokenizer, asked: Sequence[Ids], texts: Iterable[str]) -> npt.NDArray[np.float64]:
    """Count n-grams of pieces in texts, and return the log-likelihoods of `asked`: float64 [3, asked].

    Texts without a single piece are a UserError.
    """
    ends = np.array([number for number, token in enumerate(tokenizer.tokens) if token in ENDS], np.int64)
    ngrams, is_empty = NGrams(tokenizer.vocab_size, asked, ends), True
    for some in _encoded(tokenizer, texts):
        is_empty &= not any(map(len, some))
        ngrams.count(some)
    if is_empty:
        raise UserError("There is no text to count n-grams in. Name a file with some in corpus.")
    return ngrams.log_likelihoods()


def _encoded(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[list[Ids]]:
    waiting = iter(texts)
    while some := list(islice(waiting, TEXTS_AT_ONCE)):
        # A line is a paragraph, and no n-gram reaches over its end.
        lines = [line for text in some for line in text.split("\n") if line.strip()]
        yield [each.ids.astype(np.int64) for each in tokenizer.encode_many(lines)]


def _distinct(arrays: Sequence[Ids]) -> Ids:
    return np.unique(np.concatenate(arrays)) if arrays else np.zeros(0, np.int64)


def _among(keys: Ids, wanted: Ids) -> npt.NDArray[np.bool_]:
    places = np.searchsorted(wanted, keys)
    places[places == len(wanted)] = 0
    found: npt.NDArray[np.bool_] = wanted[places] == keys if len(wanted) else np.zeros(len(keys), bool)
    return found


def _looked_up(keys: Ids, known: Ids, values: npt.NDArray[np.float64] | Ids) -> npt.NDArray[np.float64]:
    """Return the values of keys, 0 for those that are not known."""
    if not len(known):
        return np.zeros(len(keys))
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[places] == keys, values[places], 0).astype(np.float64)


def text_of(row: Row) -> str:
    """Return the text of a row to count n-grams in, a paragraph or a sentence a line."""
    found = row.get("text", row.get("sentences"))
    if isinstance(found, list):
        found = "\n".join(map(str, found))
    if not isinstance(found, str):
        raise UserError(
            f"A row of the corpus has no text; its columns are {', '.join(map(repr, row))}. "
            "Name the column with text_column."
        )
    return found
