"""Two languages in one encoder: whether sentences lie nearest to their translations (Pires et al., 2019).

Vectors of a language share a direction of their own; adding the mean difference between two languages, learnt from
other pairs, takes it away.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.hidden_states import layer_names, mean_vectors
from mamebert.probes.scoring.sentences import scored
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source

Vectors = npt.NDArray[np.float32]
LEAST = 4
"""Pairs: half of them are searched, the other half give the shift."""


class Crosslingual(Probe):
    """How often the nearest of all sentences of the other language is the translation, by mean vectors of a layer."""

    about: ClassVar[str] = "Translations found"
    needs: ClassVar = "encoder"
    explained: ClassVar = {
        "found": "how often the nearest sentence of the other language is the translation, in the best layer",
        "best_layer": "where that is; 0 is the embeddings",
        "found_without_shift": "the same by vectors as they are, in its own best layer",
        "chance": "one sentence out of those searched",
        "shared_pieces": "pieces that stand in both languages here, of all that stand in one",
        "searched": "pairs; as many others told the shift",
    }
    pairs: Reader
    """Rows with a sentence in two languages."""
    first_column: str = "source"
    """Column of the sentence in one language."""
    second_column: str = "target"
    """Column of its translation."""
    sample: int = Field(default=1000, ge=LEAST)
    """Pairs, drawn by chance. Half of them are searched; the other half tell the shift between the languages."""

    def look(self) -> None:
        """Raise UserError where the first rows lack a sentence."""
        for row in self.pairs.first_rows(ROWS_LOOKED_AT):
            self._pair(row)

    def fingerprint(self) -> list[Source]:
        """Return the file of the pairs."""
        return self.pairs.fingerprint()

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return the share of translations found in the best layer, and in each, as vectors are and shifted."""
        pairs = [pair for pair in map(self._pair, self.pairs.rows()) if all(map(str.strip, pair))]
        order = np.random.default_rng(seed).permutation(len(pairs))[: self.sample]
        if len(order) < LEAST:
            raise UserError(f"There are {len(order)} pairs, and at least {LEAST} are needed. Give a file with more.")
        texts = [[each.ids for each in scored([pairs[n][side] for n in order], asked)] for side in (0, 1)]
        one, other = (mean_vectors(asked, some) for some in texts)
        names, half = layer_names(len(one)), len(order) // 2
        rows = [
            FoundRow(name=name, figures={"layer": number, **_found(one[number], other[number], half)})
            for number, name in enumerate(names)
        ]
        best = max(rows, key=lambda row: row.figures["shifted"])
        pieces = [set(np.concatenate(some).tolist()) for some in texts]
        figures = {
            "found": best.figures["shifted"],
            "best_layer": best.figures["layer"],
            "found_without_shift": max(row.figures["as_they_are"] for row in rows),
            "chance": round(1 / half, 6),
            "shared_pieces": round(len(pieces[0] & pieces[1]) / len(pieces[0] | pieces[1]), 6),
            "searched": half,
        }
        plot = FoundPlot(
            kind="curves", x="layer", y=["shifted", "as_they_are"], y_title="found", level=round(1 / half, 6)
        )
        return Findings(figures, [FoundTable(title="Layers", rows=rows, plot=plot)])

    def _pair(self, row: Row) -> tuple[str, str]:
        names = self.first_column, self.second_column
        if lacking := [name for name in names if not isinstance(row.get(name), str)]:
            raise UserError(
                f"A row of the pairs has no text in {lacking[0]!r}; its columns are {', '.join(map(repr, row))}. "
                "Name the columns with first_column and second_column, or those of a table without a first line of "
                'names with pairs.header=["source","target"].'
            )
        return row[names[0]], row[names[1]]


def _found(one: Vectors, other: Vectors, half: int) -> dict[str, float]:
    """Return the shares found of the first half of the pairs; the rest tells the shift."""
    shift = (other[half:] - one[half:]).mean(0)
    as_they_are = retrieved(one[:half], other[:half], np.zeros_like(shift))
    return {"shifted": retrieved(one[:half], other[:half], shift), "as_they_are": as_they_are}


def retrieved(one: Vectors, other: Vectors, shift: Vectors) -> float:
    """Return how often the nearest (Euclid) is the translation, the mean of both directions.

    `one` and `other` are [sentences, width]; `shift` [width] is added to the first. A sentence with two nearest ones is
    not found.
    """
    moved = one + shift
    distances = (moved**2).sum(1)[:, None] + (other**2).sum(1) - 2 * moved @ other.T
    right = np.diagonal(distances)
    found = []
    for axis in (0, 1):
        others = np.array(distances)
        np.fill_diagonal(others, np.inf)
        found.append(float((right < others.min(axis)).mean()))
    return round(sum(found) / 2, 6)
