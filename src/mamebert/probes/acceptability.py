"""Acceptability: whether sentences that people accept are likelier than those they do not (CoLA, JCoLA)."""

from math import sqrt
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.intervals import SHARE, SURE
from mamebert.probes.scoring.kept import kept_or_asked
from mamebert.probes.scoring.pseudo_likelihood import log_likelihoods
from mamebert.probes.scoring.sentences import scored
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source

BANDS = 4
"""Groups of sentences of about one length."""


class Acceptability(Probe):
    """How often an acceptable sentence is likelier than one that is not, piece for piece: the area under the curve."""

    about: ClassVar[str] = "Acceptability"
    explained: ClassVar = {
        "auc": "how often an acceptable sentence has the higher mean log-probability of its pieces; chance 0.5",
        "auc_of_sums": "the same by the sum over the pieces, which long sentences have low",
        "auc_of_length_alone": "what the number of pieces alone would reach: not learnt",
        "sentences": "asked",
    }
    sentences: Reader
    """Rows with a `sentence` and a `label`: 1 where it is acceptable, 0 where not."""
    sample: int = Field(default=0, ge=0)
    """Sentences that are asked, drawn by chance; 0 asks all."""

    def look(self) -> None:
        """Raise UserError where the first rows lack a sentence or a label."""
        for row in self.sentences.first_rows(ROWS_LOOKED_AT):
            _read(row)

    def fingerprint(self) -> list[Source]:
        """Return the file of the sentences."""
        return self.sentences.fingerprint()

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return the area under the curve of the mean log-probability of pieces, and of their sum and number."""
        rows = [_read(row) for row in self.sentences.rows()]
        order = np.sort(np.random.default_rng(seed).permutation(len(rows))[: self.sample or None])
        rows = [rows[number] for number in order]
        labels = np.array([label for _, label in rows], bool)
        if labels.all() or not labels.any():
            raise UserError(
                "All of these sentences have one label, so there is nothing to tell apart. Give sentences of both."
            )
        texts = scored([text for text, _ in rows], asked)
        given = asked.network, texts, asked.tokenizer.special
        sums = kept_or_asked(keep / "scores.json", (len(texts),), lambda: log_likelihoods(*given))
        lengths = np.array([max(1, len(each.ids)) for each in texts], float)
        return Findings(_figures(sums / lengths, sums, lengths, labels), [by_length(sums / lengths, lengths, labels)])


def _read(row: Row) -> tuple[str, int]:
    sentence, label = row.get("sentence"), str(row.get("label"))
    if not isinstance(sentence, str) or label not in ("0", "1"):
        raise UserError(
            f"A row needs a sentence and a label of 0 or 1; its columns are {', '.join(map(repr, row))}. "
            'Name them: sentences.columns={sentence="...", label="..."}.'
        )
    return sentence, int(label)


def auc(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]) -> float:
    """Return how often one of the True ones has the higher score than one of the others; ties count half."""
    order = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(order[2])
    ranks = (ends - (order[2] - 1) / 2)[order[1]]  # mean rank of equal ones, from 1
    ones = int(labels.sum())
    return float((ranks[labels].sum() - ones * (ones + 1) / 2) / (ones * (len(labels) - ones)))


def _figures(
    means: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
    lengths: npt.NDArray[np.float64],
    labels: npt.NDArray[np.bool_],
) -> dict[str, float]:
    found = {
        "auc": auc(means, labels),
        "plus_minus": plus_minus(auc(means, labels), labels),
        "auc_of_sums": auc(sums, labels),
        "auc_of_length_alone": auc(-lengths, labels),
    }
    return {**{name: round(value, 6) for name, value in found.items()}, "sentences": len(labels)}


def plus_minus(area: float, labels: npt.NDArray[np.bool_]) -> float:
    """Return half of the 95 % interval of an area under the curve (Hanley and McNeil, 1982)."""
    ones, others = int(labels.sum()), int((~labels).sum())
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (ones - 1) * (one - area**2) + (others - 1) * (two - area**2)
    return SURE * sqrt(max(0.0, spread) / (ones * others))


def by_length(
    means: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]
) -> FoundTable:
    """Return the area under the curve in groups of sentences of about one length, from three arrays [sentences]."""
    rows = []
    ends = np.quantile(lengths, np.arange(1, BANDS) / BANDS, method="lower")
    for number in range(BANDS):
        band = np.flatnonzero(np.searchsorted(ends, lengths, side="left") == number)  # one length, one band
        some = labels[band]
        if len(band) and not some.all() and some.any():
            area = auc(means[band], labels[band])
            figures = {
                "auc": round(area, 6),
                "plus_minus": round(plus_minus(area, labels[band]), 6),
                "sentences": len(band),
            }
            name = f"{lengths[band].min():.0f} to {lengths[band].max():.0f} pieces"
            rows.append(FoundRow(name=name, figures=figures))
    plot = FoundPlot(kind="dots", y=["auc"], y_title="area under the ROC curve", level=0.5, bounds=SHARE)
    return FoundTable(title="By length", rows=rows, plot=plot)
