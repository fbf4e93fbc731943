"""Unknown tokens, counted in one place and reported in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WORTH_TELLING = 0.01
"""Share of the pieces; or ten times as much of the texts, where there are more than a few."""
MOSTLY = 0.3
FEW_TEXTS = 20


@dataclass
class Unknown:
    """Pieces and texts, and those that are [UNK] or hold one."""

    pieces: int = 0
    unknown: int = 0
    texts: int = 0
    texts_with: int = 0

    def add(self, texts: Sequence[npt.NDArray[np.int32]], unk_id: int) -> None:
        """Count the ids of more texts."""
        self.texts += len(texts)
        if not texts:
            return
        found = np.flatnonzero((texts[0] if len(texts) == 1 else np.concatenate(texts)) == unk_id)
        self.pieces += sum(map(len, texts))
        self.unknown += len(found)
        if len(found):
            ends = np.cumsum([len(ids) for ids in texts])
            self.texts_with += len(np.unique(np.searchsorted(ends, found, side="right")))

    @property
    def rate(self) -> float:
        """Share of the pieces."""
        return self.unknown / self.pieces if self.pieces else 0.0

    @property
    def rate_of_texts(self) -> float:
        """Share of the texts with at least one."""
        return self.texts_with / self.texts if self.texts else 0.0

    def told(self, where: str) -> str:
        """Return the sentence about the text `where`; empty where there is nothing worth telling."""
        many_texts = self.texts >= FEW_TEXTS and self.rate_of_texts >= 10 * WORTH_TELLING
        if self.rate < WORTH_TELLING and not many_texts:
            return ""
        share = f"{self.rate:.1%} of the pieces in {where} are unknown to the vocabulary ([UNK])"
        texts = f"; {self.texts_with:,} of {self.texts:,} texts have one" if self.texts else ""
        mostly = " A model can make little of such text: use one whose vocabulary was learnt from text like it."
        return f"{share}{texts}.{mostly if self.rate >= MOSTLY else ''}"
