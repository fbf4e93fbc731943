"""A text or a pair of texts in, one of several labels out (Devlin et al., 2019, section 4.1)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator
from torch import nn

from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks import Raw
from mamebert.tasks.bases.label_task import LabelTask
from mamebert.tasks.data.chunks import in_chunks, mean_of_chunks, one_chunk
from mamebert.tasks.data.features import Example, Features, TaskBatch, TaskState
from mamebert.tasks.network.heads import LinearHead, problem_type
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import Losses

PROBLEM = "single_label_classification"
CHUNKS = 8
"""Some thousand tokens of 128 each; of Livedoor's articles most are read whole."""


class Classification(LabelTask):
    """One label for each text or pair of texts."""

    architecture: ClassVar[str] = "BertForSequenceClassification"

    chunks: int | None = Field(default=None, ge=1)
    """Chunks of max_length that are read of a longer text: each epoch of training reads one at a random place, and an
    answer goes by the mean of the logits of all. 1 reads the beginning alone, as does a model that does not say. Unset,
    finetune takes 8 for single texts."""

    @model_validator(mode="after")
    def _pairs_are_not_cut(self) -> Self:
        if self.second_columns and (self.chunks or 1) > 1:
            raise ValueError("A pair of texts is not read in chunks. Leave task.chunks out, or join the texts.")
        return self

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return a sequence for each chunk of an example; a label never seen in training is left out of the loss."""
        inputs = [example.inputs for example in examples]
        most = self.chunks or 1
        if most > 1 and all(len(texts) == 1 for texts in inputs):
            found = in_chunks(tokenizer, [text for (text,) in inputs], self.max_length, most)
        else:
            found = self.sequences(tokenizer, inputs)
        return self.labelled(found, examples, learnt)

    def starting_from(self, folder: Path) -> Self:
        """Return the task with the number of chunks, where that is open: long single texts are read in chunks."""
        open_for_texts = self.chunks is None and not self.second_columns
        return self.model_copy(update={"chunks": CHUNKS}) if open_for_texts else self

    def learnt_from(self, features: Features, rng: np.random.Generator) -> Features:
        """Return the example with one chunk, at a random place."""
        return one_chunk(features, rng)

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> Losses:
        """Return the cross entropy in nats, of the mean logits of all chunks."""
        return super().loss(mean_of_chunks(found, batch), batch, whole)

    def raws(self, found: Any, batch: TaskBatch) -> list[Raw]:
        """Return the mean logits of all chunks [1, labels] for each example."""
        return list(mean_of_chunks(found, batch).detach().float().cpu().numpy()[:, None])

    def head(self, config: EncoderConfig, width: int, pooler: nn.Module | None, learnt: TaskState) -> nn.Module:
        """Return a linear layer over the pooled [CLS]."""
        return LinearHead(config, width, pooler, len(learnt.labels))

    @classmethod
    def understands(cls, architecture: str, config: dict[str, Any]) -> bool:
        """Tell whether the class is used for one label out of several."""
        return architecture == cls.architecture and problem_type(config) == PROBLEM

    def plain_settings(self, learnt: TaskState) -> dict[str, Any]:
        """Return the labels, and that one of them is the answer, which transformers would have to guess."""
        return {**super().plain_settings(learnt), "problem_type": PROBLEM}
