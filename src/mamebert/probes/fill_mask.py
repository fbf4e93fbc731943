"""Fill-mask: the words that an encoder would put in the place of [MASK]."""

from math import log
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.results.probe import FoundExample, FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source
from mamebert.tasks.masked_words.fill_mask import Candidates, fill_mask


class FillMask(Probe):
    """Which words stand in the place of every [MASK] of some texts, and how likely each is."""

    about: ClassVar[str] = "Words for [MASK]"
    explained: ClassVar = {
        "accuracy": "how often the likeliest word is the right one",
        "among_the_first": "how often the right word is among those told",
        "probability_of_the_first": "of the likeliest word, mean",
        "nats_of_the_first": "its negative log-probability, mean: 0 where the encoder is sure",
        "masks": "filled",
    }
    texts: list[str] = Field(default=[])
    """Texts with one [MASK] or several."""
    source: Reader | None = None
    """More of them: rows with a `text`, and with an `answer` where one word is right."""
    targets: list[str] = Field(default=[])
    """Words that are compared with each other; all others are passed over. Unset, the whole vocabulary is asked."""
    top: int = Field(default=5, ge=1)
    """Words told for each [MASK]."""

    def look(self) -> None:
        """Raise UserError where there is no text to ask about."""
        rows = self.source.first_rows(ROWS_LOOKED_AT) if self.source else []
        if not self.texts and not rows:
            raise UserError('There are no texts to ask about. Give some in texts, such as "A [MASK] .", or a source.')
        for row in rows:
            _text(row)

    def fingerprint(self) -> list[Source]:
        """Return the file of the texts."""
        return self.source.fingerprint() if self.source else []

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return the likeliest words, how likely they are, and how often the first is the right one."""
        rows = [*({"text": text} for text in self.texts), *(self.source.rows() if self.source else ())]
        texts = [_text(row) for row in rows]
        if not texts:
            raise UserError("There are no texts to ask about. Give a source with some.")
        found = fill_mask(asked.network, asked.tokenizer, texts, self.top, self.targets)
        asked_masks = [
            (text, i, each) for text, masks in zip(texts, found, strict=True) for i, each in enumerate(masks)
        ]
        examples = [
            FoundExample(
                prompt=text if i == 0 else f"{text} ({i + 1})",
                answers=[(w, round(p, 6)) for w, p in each],
                unit="probability",
            )
            for text, i, each in asked_masks
        ]
        answers = [
            (row["answer"].strip(), [(word.strip(), p) for word, p in masks[0]])  # bytes spell the space before a word
            for row, masks in zip(rows, found, strict=True)
            if row.get("answer")
        ]
        return Findings(_figures([each for _, _, each in asked_masks], answers), [_table(examples)], examples)


def _text(row: Row) -> str:
    if not isinstance(row.get("text"), str):
        raise UserError(
            f"A row has no text; its columns are {', '.join(map(repr, row))}. Name its column with source.text_column."
        )
    return str(row["text"])


def _figures(masks: list[Candidates], answers: list[tuple[str, Candidates]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    if answers:
        figures["accuracy"] = float(np.mean([found[0][0] == right for right, found in answers]))
        figures["among_the_first"] = float(np.mean([right in dict(found) for right, found in answers]))
    figures["probability_of_the_first"] = float(np.mean([found[0][1] for found in masks]))
    figures["nats_of_the_first"] = float(np.mean([-log(max(found[0][1], 1e-30)) for found in masks]))
    return {**{name: round(value, 6) for name, value in figures.items()}, "masks": len(masks)}


def _table(examples: list[FoundExample]) -> FoundTable:
    """Return the probability of the first word for each [MASK], which is what is drawn."""
    rows = [
        FoundRow(
            name=each.prompt,
            figures={"probability": each.answers[0][1], "of_all_told": sum(dict(each.answers).values())},
        )
        for each in examples
    ]
    plot = FoundPlot(kind="dots", y=["probability", "of_all_told"], y_title="probability of the likeliest word")
    return FoundTable(title="How sure", rows=rows, plot=plot)
