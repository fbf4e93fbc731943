"""Embeddings: the table of tokens as word vectors: analogies, and what the frequency of a word leaves in it.

In the tables of encoders, rare words lie together and apart from frequent ones (Gao et al., 2019), which cosines then
tell of instead of meaning; taking the mean away mends some of it (Mu and Viswanath, 2018).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.stats import spearmanr

from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.intervals import SHARE, correlation_plus_minus, share_plus_minus
from mamebert.probes.scoring.ngrams import text_of
from mamebert.results.probe import FoundExample, FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source
from mamebert.tasks.data.vector_answers import unit

BANDS = 10
"""Groups of tokens of about one frequency."""
TEXTS_AT_ONCE = 512
FEWEST_PAIRS = 5
FEWEST = 20
"""Words a probe of frequency needs."""


class Embeddings(Probe):
    """What the table of tokens tells of words: analogies solved, nearest words, traces of frequency."""

    about: ClassVar[str] = "Embeddings"
    needs: ClassVar = "table"
    explained: ClassVar = {
        "analogies": "a is to b as c is to d: how often d is the nearest word to b - a + c",
        "analogies_asked": "whose four words are tokens",
        "similarity_*_pairs": "whose two words are tokens",
        "similarity_*": "rank correlation of the cosine of two words with how alike people call them",
        "length_by_frequency": "rank correlation of the length of a word's vector with how often the word comes",
        "direction_by_frequency": "the same of its place along the direction of most difference, without sign",
        "mean_cosine": "of any two words: 0 where vectors point everywhere",
        "mean_cosine_centred": "the same, the mean of all taken away",
    }
    corpus: Reader
    """Text in which tokens are counted that are whole words there; others are no words."""
    analogies: Reader | None = None
    """Lines of four words, "Athens Greece Oslo Norway", below lines ": the kind" (questions-words.txt)."""
    similar: dict[str, Reader] = Field(default={})
    """Lines of two words and a score of how alike people call them, by name: WordSim-353, SimLex-999. Lines that begin
    with # are passed over."""
    newer: ClassVar[tuple[str, ...]] = ("similar",)
    words: list[str] = Field(default=[])
    """Words whose nearest ones are told; unset, some frequent ones."""
    most: int = Field(default=3000, ge=1)
    """Analogies that are asked, drawn by chance, of those whose words are all tokens."""

    def look(self) -> None:
        """Raise UserError where there is no text to count in."""
        for row in self.corpus.first_rows(ROWS_LOOKED_AT):
            text_of(row)
        for reader in self.similar.values():
            list(_scored_words(reader))

    def fingerprint(self) -> list[Source]:
        """Return the text that is counted, and the analogies."""
        readers = [self.corpus, *([self.analogies] if self.analogies else []), *self.similar.values()]
        return [source for each in readers for source in each.fingerprint()]

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return how frequency shows, before and after the mean is taken away, and how many analogies are solved."""
        tokens = [asked.tokenizer.word(number) for number in range(asked.tokenizer.vocab_size)]
        weights = asked.network.bert.embeddings.word_embeddings.weight
        table = weights.detach().float().cpu().numpy()[: len(tokens)].astype(np.float64)
        counts = _counts(asked, self.corpus)
        whole = np.array([n for n, token in enumerate(tokens) if token.isalpha() and counts[n] > 0], np.int64)
        if len(whole) < FEWEST:
            raise UserError(
                f"The corpus has {len(whole)} whole words that are tokens, and {FEWEST} are needed. Give more text."
            )
        centred = table - table[whole].mean(0)
        by_count = whole[np.argsort(-counts[whole], kind="stable")]
        figures = {
            "length_by_frequency": _rank(np.linalg.norm(table[whole], axis=1), counts[whole]),
            "direction_by_frequency": abs(_rank(_first_direction(centred[whole]), counts[whole])),
            "mean_cosine": _mean_cosine(table[whole]),
            "mean_cosine_centred": _mean_cosine(centred[whole]),
        }
        tables = [_bands(table, centred, counts, by_count)]
        if self.analogies:
            rng = np.random.default_rng(seed)
            rows = self._analogies(centred, tokens, whole, rng)
            solved = sum(row.figures["solved"] * row.figures["asked"] for row in rows)
            total = sum(row.figures["asked"] for row in rows)
            figures = {"analogies": solved / total, "analogies_asked": total, **figures}
            plot = FoundPlot(kind="dots", y=["solved"], y_title="analogies solved", bounds=SHARE)
            tables.append(FoundTable(title="Analogies", rows=rows, plot=plot))
        for name, reader in self.similar.items():
            figures |= _similarity(name, reader, centred, {tokens[n].lower(): int(n) for n in whole})
        shown = [word for word in self.words if word in tokens] or [tokens[n] for n in by_count[50:300:50]]
        near = [
            FoundExample(
                prompt=word,
                answers=_nearest(word, centred, tokens, whole),
                about="Nearest words in the table of tokens",
                unit="cosine",
            )
            for word in shown
        ]
        return Findings({name: round(float(value), 6) for name, value in figures.items()}, tables, near)

    def _analogies(
        self, table: npt.NDArray[np.float64], tokens: list[str], whole: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> list[FoundRow]:
        assert self.analogies
        ids = {tokens[n].lower(): place for place, n in enumerate(whole)}
        questions = [(kind, words) for kind, words in _questions(self.analogies) if set(words) <= ids.keys()]
        asked = [(kind, [ids[word] for word in words]) for kind, words in questions]
        if not asked:
            raise UserError("No analogy has four words that are tokens of this encoder. Leave analogies out.")
        asked = [asked[n] for n in np.sort(rng.permutation(len(asked))[: self.most])]
        directions = unit(table[whole])
        numbers = np.array([words for _, words in asked])
        wanted = directions[numbers[:, 1]] - directions[numbers[:, 0]] + directions[numbers[:, 2]]
        cosines = wanted @ directions.T
        np.put_along_axis(cosines, numbers[:, :3], -np.inf, axis=1)  # as usual, the words asked with are no answers
        right = cosines.argmax(1) == numbers[:, 3]
        kinds = np.array([kind for kind, _ in asked])
        return [_solved(str(kind), right[kinds == kind]) for kind in dict.fromkeys(kinds.tolist())]


def _solved(kind: str, right: npt.NDArray[np.bool_]) -> FoundRow:
    rate = float(right.mean())
    wide = share_plus_minus(rate, len(right))
    return FoundRow(name=kind, figures={"solved": round(rate, 6), "plus_minus": round(wide, 6), "asked": len(right)})


def _questions(reader: Reader) -> Iterator[tuple[str, list[str]]]:
    kind = "analogies"
    for row in reader.rows():
        for line in text_of(row).split("\n"):
            words = line.lower().split()
            if line.startswith(":"):
                kind = line.removeprefix(":").strip()
            elif len(words) == 4:
                yield kind, words
            elif words:
                raise UserError(f"The analogy {line[:40]!r} has {len(words)} words. Give lines of four.")


def _similarity(name: str, reader: Reader, table: npt.NDArray[np.float64], ids: Mapping[str, int]) -> dict[str, float]:
    """Return the rank correlation of scores with cosines over the pairs whose words are known, and their number."""
    known = [(ids[one], ids[two], score) for one, two, score in _scored_words(reader) if {one, two} <= ids.keys()]
    scores = np.array([score for *_, score in known])
    if len(known) < FEWEST_PAIRS or not np.ptp(scores):
        raise UserError(
            f"{len(known)} pairs of {name} have two words that are tokens of this encoder and come in the corpus, and "
            f"a correlation needs {FEWEST_PAIRS} of several scores. Give more text as corpus, or leave {name} out."
        )
    pairs = unit(table[np.array([(one, two) for one, two, _ in known])])
    cosines = (pairs[:, 0] * pairs[:, 1]).sum(1)
    found = float(spearmanr(cosines, scores).statistic) if np.ptp(cosines) else 0.0
    return {
        f"similarity_{name}": found,
        f"similarity_{name}_plus_minus": correlation_plus_minus(found, len(known)),
        f"similarity_{name}_pairs": len(known),
    }


def _scored_words(reader: Reader) -> Iterator[tuple[str, str, float]]:
    for row in reader.rows():
        for line in text_of(row).split("\n"):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                one, two, score = line.lower().split()
                yield one, two, float(score)
            except ValueError as error:
                raise UserError(f"The line {line[:40]!r} is no two words and a score. Give lines of these.") from error


def _counts(asked: Asked, corpus: Reader) -> npt.NDArray[np.int64]:
    """Return how often each token is a whole word; where it only begins one, it has no meaning of its own."""
    found, some = np.zeros(len(asked.tokenizer.tokens), np.int64), list[str]()

    def add() -> None:
        for each in asked.tokenizer.encode_many(some):
            ends = np.append(each.word_starts[1:], True)
            np.add.at(found, each.ids[each.word_starts & ends], 1)
        some.clear()

    for row in corpus.rows():
        some.append(text_of(row))
        if len(some) == TEXTS_AT_ONCE:
            add()
    add()
    return found


def _bands(
    table: npt.NDArray[np.float64],
    centred: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    by_count: npt.NDArray[np.int64],
) -> FoundTable:
    rows = []
    for number, band in enumerate(np.array_split(by_count, BANDS)):
        figures = {
            "tenth": number + 1,
            "mean_cosine": _mean_cosine(table[band]),
            "mean_cosine_centred": _mean_cosine(centred[band]),
            "length": float(np.linalg.norm(table[band], axis=1).mean()),
        }
        name = f"{counts[band].max():,} to {counts[band].min():,} times"
        rows.append(FoundRow(name=name, figures={key: round(value, 6) for key, value in figures.items()}))
    drawn = ["mean_cosine", "mean_cosine_centred"]
    plot = FoundPlot(
        kind="curves",
        x="tenth",
        y=drawn,
        x_title="tenth of the words, the most frequent first",
        y_title="cosine of words of one frequency",
    )
    return FoundTable(title="By frequency, the most frequent first", rows=rows, plot=plot)


def _rank(values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> float:
    return float(spearmanr(values, counts).statistic) if np.ptp(values) and np.ptp(counts) else 0.0


def _first_direction(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where each vector lies along the direction in which they differ most."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    found: npt.NDArray[np.float64] = vectors @ directions[:, -1]
    return found


def _mean_cosine(vectors: npt.NDArray[np.float64]) -> float:
    """Return the mean cosine of two different ones of the vectors."""
    middle, number = unit(vectors).sum(0), len(vectors)
    return float((middle @ middle - number) / max(1, number * (number - 1)))


def _nearest(
    word: str, table: npt.NDArray[np.float64], tokens: list[str], whole: npt.NDArray[np.int64]
) -> list[tuple[str, float]]:
    own = table[tokens.index(word)]
    lengths = np.linalg.norm(table[whole], axis=1) * np.linalg.norm(own)
    cosines = table[whole] @ own / np.maximum(lengths, 1e-12)
    order = np.argsort(-cosines, kind="stable")
    found = [(tokens[whole[n]], round(float(cosines[n]), 4)) for n in order[:9]]
    return [(token, cosine) for token, cosine in found if token != word][:8]
