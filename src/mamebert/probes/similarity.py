"""Similarity without labels: whether texts that people call alike have like vectors (STS-B, WordSim)."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.stats import spearmanr

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.hidden_states import layer_names, mean_vectors
from mamebert.probes.scoring.intervals import CORRELATION, correlation_plus_minus
from mamebert.probes.scoring.sentences import scored
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source
from mamebert.tasks.data.vector_answers import unit
from mamebert.word2vec.document_vectors import document_vectors
from mamebert.word2vec.table import VectorTable

LEAST = 5


class Similarity(Probe):
    """Spearman's correlation of people's scores with the cosine of mean vectors, as they are and centred.

    Beside them the line that any encoder has to pass: its table of tokens alone, centred, each vector at length 1, and
    the less of it the more frequent a token is in the texts (SIF; Arora, Liang and Ma, 2017).
    """

    about: ClassVar[str] = "Similarity of texts"
    needs: ClassVar = "encoder"
    explained: ClassVar = {
        "spearman": "rank correlation of people's scores with centred cosines, in the best layer",
        "best_layer": "where that is; 0 is the embeddings",
        "last_layer": "the same in the last layer",
        "mean_of_layers": "of the mean of all layers",
        "not_centred": "in the best layer with vectors as they are",
        "words_weighted_by_frequency": "of the table of tokens alone, frequent ones counting less: what to beat",
        "pairs": "asked",
    }
    pairs: Reader
    """Rows with two texts, or two words, and a score of how alike they are."""
    first_column: str = "sentence1"
    """Column of one text."""
    second_column: str = "sentence2"
    """Column of the other."""
    score_column: str = "score"
    """Column of the score."""
    sample: int = Field(default=0, ge=0)
    """Pairs that are asked, drawn by chance; 0 asks all."""

    def look(self) -> None:
        """Raise UserError where the first rows lack a text or a score."""
        for row in self.pairs.first_rows(ROWS_LOOKED_AT):
            self._pair(row)

    def fingerprint(self) -> list[Source]:
        """Return the file of the pairs."""
        return self.pairs.fingerprint()

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return the correlation in the best layer and in each, and in the mean of all layers."""
        pairs = [self._pair(row) for row in self.pairs.rows()]
        pairs = [pairs[n] for n in np.sort(np.random.default_rng(seed).permutation(len(pairs))[: self.sample or None])]
        distinct = {score for *_, score in pairs}
        if len(pairs) < LEAST or len(distinct) == 1:
            raise UserError(
                f"There are {len(pairs)} pairs with {len(distinct)} different scores, and a correlation needs "
                f"at least {LEAST} pairs with several. Give a file with more."
            )
        texts = scored([text for one, other, _ in pairs for text in (one, other)], asked)
        vectors = mean_vectors(asked, [each.ids for each in texts])
        scores = np.array([score for *_, score in pairs])
        layers = [*vectors, vectors.mean(0)]
        names = [*layer_names(len(vectors)), "mean of all"]
        rows = [
            FoundRow(name=name, figures={**_at(number, len(vectors)), **_correlations(layer, scores)})
            for number, (name, layer) in enumerate(zip(names, layers, strict=True))
        ]
        *of_layers, of_mean = rows
        best = max(of_layers, key=lambda row: row.figures["centred"])
        figures = {
            "spearman": best.figures["centred"],
            "plus_minus": best.figures["plus_minus"],
            "best_layer": best.figures["layer"],
            "last_layer": of_layers[-1].figures["centred"],
            "mean_of_layers": of_mean.figures["centred"],
            "not_centred": max(row.figures["as_they_are"] for row in of_layers),
            "words_weighted_by_frequency": _correlation(_weighted_words(asked, [each.ids for each in texts]), scores),
            "pairs": len(pairs),
        }
        plot = FoundPlot(
            kind="curves",
            x="layer",
            y=["centred", "as_they_are"],
            y_title="Spearman's correlation",
            level=figures["words_weighted_by_frequency"],
            level_name="words weighted by frequency",
            bounds=CORRELATION,
        )
        return Findings(figures, [FoundTable(title="Layers", rows=rows, plot=plot)])

    def _pair(self, row: Row) -> tuple[str, str, float]:
        one, other, score = (row.get(name) for name in (self.first_column, self.second_column, self.score_column))
        try:
            found = float(score)  # type: ignore[arg-type]  # None is a TypeError
        except (TypeError, ValueError):
            found = float("nan")
        if not isinstance(one, str) or not isinstance(other, str) or not np.isfinite(found):
            raise UserError(
                f"A row needs two texts and a score that is a number; its columns are {', '.join(map(repr, row))}. "
                "Name them with first_column, second_column and score_column."
            )
        return one, other, found


def _at(number: int, num_layers: int) -> dict[str, float]:
    """Return which layer it is; the mean of all is none, and is not drawn among them."""
    return {"layer": number} if number < num_layers else {}


def _weighted_words(asked: Asked, texts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
    """Return vectors of texts by the table of tokens alone: float32 [texts, width of the table]."""
    rows = asked.network.bert.embeddings.word_embeddings.weight.detach().float().cpu().numpy()
    counts = np.bincount(np.concatenate(texts), minlength=len(rows))
    # Ids that no text has weigh nothing; their names are not asked for.
    return document_vectors(VectorTable(rows, counts > 0, counts, [""] * len(rows), ""), texts)


def _correlations(vectors: npt.NDArray[np.float32], scores: npt.NDArray[np.float64]) -> dict[str, float]:
    found = {"centred": _correlation(vectors - vectors.mean(0), scores), "as_they_are": _correlation(vectors, scores)}
    return {**found, "plus_minus": correlation_plus_minus(found["centred"], len(scores))}


def _correlation(vectors: npt.NDArray[np.float32], scores: npt.NDArray[np.float64]) -> float:
    directions = unit(vectors)
    cosines = (directions[::2] * directions[1::2]).sum(1)
    found = float(spearmanr(cosines, scores).statistic) if np.ptp(cosines) else 0.0
    return round(found, 6)
