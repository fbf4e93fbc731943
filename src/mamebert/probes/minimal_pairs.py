"""Minimal pairs: whether the grammatical one of two sentences is likelier (BLiMP; Warstadt et al., 2020)."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.files.names import file_name
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.intervals import SHARE, SURE
from mamebert.probes.scoring.kept import kept_or_asked
from mamebert.probes.scoring.ngrams import NAMES, ngram_scores, text_of
from mamebert.probes.scoring.pseudo_likelihood import Hidden, Scored, log_likelihoods
from mamebert.probes.scoring.sentences import require_readable
from mamebert.progress import progress
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source
from mamebert.tokenizer.encoding import Tokenizer

HIDDEN: Mapping[str, Hidden] = {"pll": "token", "pll_word_l2r": "rest_of_word"}
ALL = "all pairs"
TIE = 1e-6
"""Difference, as a share of the scores, that is rounding: sentences of the same pieces get it in different batches."""


class Pair(NamedTuple):
    """Two sentences that differ in one thing."""

    good: str
    bad: str
    paradigm: str
    """What they differ in, as finely as it is told."""
    phenomenon: str
    """The same more coarsely."""


class Outcomes(NamedTuple):
    """The scores of a paradigm's pairs, and their lengths."""

    good: npt.NDArray[np.float64]
    bad: npt.NDArray[np.float64]
    equally_long: npt.NDArray[np.bool_]
    """Whether both sentences of a pair have the same number of pieces: shorter ones are likelier."""

    @property
    def tied(self) -> npt.NDArray[np.bool_]:
        """Pairs whose sentences are equally likely."""
        found: npt.NDArray[np.bool_] = np.abs(self.good - self.bad) <= TIE * np.abs(self.good)
        return found

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Pairs whose good sentence is the likelier one; a tie is not right."""
        return (self.good > self.bad) & ~self.tied


class Judged(NamedTuple):
    """What a paradigm's pairs came to, by the encoder and by the floors it is held against."""

    encoder: Outcomes
    floors: Mapping[str, Outcomes]


class MinimalPairs(Probe):
    """Which of two sentences is likelier, by the sum of the log-probabilities of their pieces, each masked in turn."""

    about: ClassVar[str] = "Minimal pairs"
    explained: ClassVar = {
        "accuracy": "pairs whose good sentence is strictly likelier, mean over paradigms; chance 0.5",
        "ties": "pairs whose sentences are equally likely, which count as wrong",
        "equally_long": "pairs whose sentences have equally many pieces",
        "accuracy_equally_long": "accuracy of these alone, which cannot be told by counting",
        "unigram": "pairs that the frequency of single pieces gets right",
        "bigram": "that pairs of pieces get right",
        "trigram": "that three pieces in a row get right",
        "pairs": "asked",
    }
    pairs: Reader
    """The pairs: rows with a good and a bad sentence, such as blimp.jsonl."""
    good_column: str = "sentence_good"
    """Column of the sentence that should be likelier."""
    bad_column: str = "sentence_bad"
    """Column of the other."""
    paradigm_column: str = "UID"
    """Column that tells what the sentences of a pair differ in; every paradigm counts the same. Without it all pairs
    are one paradigm."""
    phenomenon_column: str = "linguistics_term"
    """Column that puts paradigms together."""
    sample: int = Field(default=0, ge=0)
    """Pairs of each paradigm that are asked, drawn by chance, the same for every encoder; 0 asks all."""
    scoring: Literal["pll", "pll_word_l2r"] = "pll"
    """How pieces are asked for: with all others shown (pll; Salazar et al., 2020), or with the rest of their own word
    masked too, which would give them away (pll_word_l2r; Kauf and Ivanova, 2023)."""
    corpus: Reader | None = None
    """Text in which n-grams of pieces are counted, which are asked the same pairs beside the encoder: a text file,
    or the documents of a clean run (RUN/documents/*.parquet). Unset, none are."""

    def look(self) -> None:
        """Raise UserError where the first rows lack a sentence, or text to count."""
        for row in self.pairs.first_rows(ROWS_LOOKED_AT):
            self._pair(row)
        for row in self.corpus.first_rows(ROWS_LOOKED_AT) if self.corpus else []:
            text_of(row)

    def fingerprint(self) -> list[Source]:
        """Return the file of the pairs, and the text that n-grams are counted in."""
        return [*self.pairs.fingerprint(), *(self.corpus.fingerprint() if self.corpus else [])]

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return the share of pairs that come out right: the mean over paradigms, and for each of them."""
        paradigms = self._paradigms(seed)
        pieces = {name: _pieces(some, asked.tokenizer) for name, some in paradigms.items()}
        require_readable([each for some in pieces.values() for each in some], asked)
        done = {
            name: self._outcomes(asked, some, keep / f"{file_name(name)}.json")
            for name, some in progress(pieces.items(), "minimal pairs", "paradigms", total=len(pieces))
        }
        floors = self._floors(asked.tokenizer, pieces, keep.parent)
        judged = {name: Judged(each, floors[name]) for name, each in done.items()}
        return Findings(_figures(list(judged.values())), _tables(judged, paradigms))

    def _paradigms(self, seed: int) -> dict[str, list[Pair]]:
        found: dict[str, list[Pair]] = {}
        for pair in map(self._pair, self.pairs.rows()):
            found.setdefault(pair.paradigm, []).append(pair)
        if not found:
            raise UserError("There are no pairs to ask about. Give a file with some in pairs.")
        return {name: list(self._drawn(some, seed)) for name, some in found.items()}

    def _drawn(self, some: Sequence[Pair], seed: int) -> Iterator[Pair]:
        order = np.random.default_rng(seed).permutation(len(some))[: self.sample or None]
        yield from (some[number] for number in np.sort(order))

    def _pair(self, row: Row) -> Pair:
        lacking = [name for name in (self.good_column, self.bad_column) if not isinstance(row.get(name), str)]
        if lacking:
            raise UserError(
                f"A row of the pairs has no text in {lacking[0]!r}; its columns are {', '.join(map(repr, row))}. "
                "Name the columns with good_column and bad_column."
            )
        paradigm = str(row.get(self.paradigm_column) or ALL)
        sentences = str(row[self.good_column]), str(row[self.bad_column])
        return Pair(*sentences, paradigm, str(row.get(self.phenomenon_column) or ALL))

    def _outcomes(self, asked: Asked, pieces: Sequence[Scored], kept: Path) -> Outcomes:
        given = asked.network, pieces, asked.tokenizer.special, HIDDEN[self.scoring]
        return _outcomes(kept_or_asked(kept, (len(pieces),), lambda: log_likelihoods(*given)), pieces)

    def _floors(
        self, tokenizer: Tokenizer, pieces: Mapping[str, Sequence[Scored]], keep: Path
    ) -> Mapping[str, Mapping[str, Outcomes]]:
        """Return what n-grams make of each paradigm; nothing where no text is named to count them in."""
        if not (corpus := self.corpus):
            return {name: {} for name in pieces}
        ids = [each.ids for some in pieces.values() for each in some]
        # Encoders of one tokenizer, and random weights beside each, have the same floors.
        kept = keep / f"n-grams-{sha256(np.concatenate(ids).tobytes()).hexdigest()[:16]}.json"
        scores = kept_or_asked(
            kept, (len(NAMES), len(ids)), lambda: ngram_scores(tokenizer, ids, map(text_of, corpus.rows()))
        )
        ends = np.cumsum([len(some) for some in pieces.values()])
        parts = zip(pieces.items(), np.split(scores, ends[:-1], axis=1), strict=True)
        return {
            name: {floor: _outcomes(row, some) for floor, row in zip(NAMES, rows, strict=True)}
            for (name, some), rows in parts
        }


def _outcomes(scores: npt.NDArray[np.float64], pieces: Sequence[Scored]) -> Outcomes:
    lengths = np.array([len(each.ids) for each in pieces])
    return Outcomes(scores[::2], scores[1::2], lengths[::2] == lengths[1::2])


def _pieces(some: Sequence[Pair], tokenizer: Tokenizer) -> list[Scored]:
    """Return the sentences of pairs, good and bad in turn."""
    texts = [text for pair in some for text in (pair.good, pair.bad)]
    return [Scored(each.ids.astype(np.int64), each.word_starts) for each in tokenizer.encode_many(texts)]


def _tables(judged: Mapping[str, Judged], paradigms: Mapping[str, Sequence[Pair]]) -> list[FoundTable]:
    """Return a table of paradigms, and one of phenomena before it where there are several; the first is drawn."""
    coarse: dict[str, list[Judged]] = {}
    for name, each in judged.items():
        coarse.setdefault(paradigms[name][0].phenomenon, []).append(each)
    fine = {name: [each] for name, each in judged.items()}
    told = {"Phenomena": coarse, "Paradigms": fine} if len(coarse) > 1 else {"Paradigms": fine}
    tables = [
        FoundTable(title=title, rows=[FoundRow(name=name, figures=_figures(some)) for name, some in groups.items()])
        for title, groups in told.items()
    ]
    floors = [name for name in NAMES if name in tables[0].rows[0].figures]
    tables[0].plot = FoundPlot(
        kind="dots", y=["accuracy", *floors], y_title="share of pairs right", level=0.5, bounds=SHARE
    )
    return tables


def _figures(judged: Sequence[Judged]) -> dict[str, float]:
    """Return accuracy, as the mean over paradigms, with half of its 95 % interval, and what stands beside it."""
    some = [each.encoder for each in judged]
    rates = [float(each.right.mean()) for each in some]
    errors = [rate * (1 - rate) / len(each.right) for rate, each in zip(rates, some, strict=True)]
    alike = np.concatenate([each.equally_long for each in some])
    right = np.concatenate([each.right for each in some])
    found = {
        "accuracy": float(np.mean(rates)),
        "plus_minus": SURE * sqrt(sum(errors)) / len(some),
        "ties": float(np.concatenate([each.tied for each in some]).mean()),
        "equally_long": float(alike.mean()),
    }
    if alike.any():
        found["accuracy_equally_long"] = float(right[alike].mean())
    for floor in judged[0].floors:
        found[floor] = float(np.mean([each.floors[floor].right.mean() for each in judged]))
    return {**{name: round(value, 6) for name, value in found.items()}, "pairs": len(right)}
