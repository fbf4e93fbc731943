"""The base of tasks that read a long text in chunks: one of them in training, all when asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from mamebert.tasks import Raw
from mamebert.tasks.bases.text_task import Texts, TextTask
from mamebert.tasks.data.chunks import in_chunks, means_of_chunks, one_chunk
from mamebert.tasks.data.features import Features, Laid, TaskBatch, as_array
from mamebert.tokenizer.encoding import Tokenizer

CHUNKS = 8
"""Some thousand tokens of 128 each; of Livedoor's articles most are read whole."""


class ChunkedTextTask(TextTask):
    """A text in, read in chunks where it is longer than `max_length`; or a pair of texts, which is cut."""

    chunks: int | None = Field(default=None, ge=1)
    """Chunks of max_length that are read of a longer text: each epoch of training reads one at a random place, and an
    answer goes by the mean of the outputs for all. 1 reads the beginning alone, as does a model that does not say.
    Unset, finetune takes 8 for single texts."""

    @model_validator(mode="after")
    def _pairs_are_not_cut(self) -> Self:
        if self.second_columns and (self.chunks or 1) > 1:
            raise ValueError("A pair of texts is not read in chunks. Leave task.chunks out, or join the texts.")
        return self

    def sequences(self, tokenizer: Tokenizer, inputs: Sequence[Texts]) -> list[Features]:
        """Return a sequence for each chunk of a text, or one for each pair, of which [CLS] is read."""
        most = self.chunks or 1
        if most > 1 and all(len(texts) == 1 for texts in inputs):
            return in_chunks(tokenizer, [text for (text,) in inputs], self.max_length, most)
        return super().sequences(tokenizer, inputs)

    def starting_from(self, folder: Path) -> Self:
        """Return the task with the number of chunks, where that is open: long single texts are read in chunks."""
        open_for_texts = self.chunks is None and not self.second_columns
        return self.model_copy(update={"chunks": CHUNKS}) if open_for_texts else self

    def learnt_from(self, features: Features, rng: np.random.Generator) -> Features:
        """Return the example with one chunk, at a random place."""
        return one_chunk(features, rng)

    def raws(self, found: Any, batch: Laid | TaskBatch) -> list[Raw]:
        """Return the mean of the outputs for all chunks, [1, outputs], for each example."""
        return list(means_of_chunks(as_array(found), batch.counts)[:, None])
