"""A text longer than the encoder reads in, one of several labels out: the text is read in chunks.

RoBERT and ToBERT (Pappagari et al., 2019) put an LSTM or a Transformer on the chunks, AD-BERT (Mao et al., 2023) the
largest value of each dimension. Here encoder and head learn together. The papers' two steps are two runs of
`finetune`: first this task with aggregate = "mean_prob", which teaches every chunk the label of its document; then
aggregate = "lstm" or "transformer" with the first run's models/NAME as the model and learning.trainable = "head"
(or, so that BERT's pooler rests too, learning.trainable = "groups" and learning.groups = {"head." = 1e-3}).
"""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks import Raw
from mamebert.tasks.bases.label_task import LabelTask
from mamebert.tasks.data.features import FIRST, IGNORE_INDEX, Example, Features, Laid, TaskBatch, TaskState, as_array
from mamebert.tasks.data.passage_windows import windows_every
from mamebert.tasks.data.shares import softmax
from mamebert.tasks.data.word_windows import enclosed
from mamebert.tasks.network.named_heads import JoinedHeadNames, LinearHeadNames
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import nn

    from mamebert.training.loop import Losses

Ids = npt.NDArray[np.int32]


class LongDocuments(LabelTask):
    """One label for each document, read in chunks of which each is a sequence of its own."""

    chunk_tokens: int = Field(default=0, ge=0)
    """Pieces of a chunk; 0 is as many as fit, max_length without [CLS] and [SEP]. RoBERT has 200."""
    stride: int = Field(default=0, ge=0)
    """Pieces from the beginning of a chunk to that of the next; 0 is as many as a chunk has, so that chunks do not
    overlap. RoBERT has 50, so that most pieces are read four times."""
    max_chunks: int = Field(default=0, ge=0)
    """Chunks that are read of a document, the first ones; 0 reads all."""
    section_mark: str = ""
    """What parts a document into sections, such as an empty line; a chunk then never holds parts of two."""
    aggregate: Literal["mean", "max", "mean_prob", "vote", "lstm", "transformer"] = "mean"
    """What is made of the chunks: the mean or the largest value of each dimension (AD-BERT), an LSTM (RoBERT), a
    Transformer (ToBERT); or every chunk is answered by itself, and probabilities are averaged or answers voted upon."""
    positions: bool = True
    """Whether the Transformer is told the order of the chunks."""

    @model_validator(mode="after")
    def _chunks_can_be_cut(self) -> Self:
        if self.second_columns:
            raise ValueError("A long document is one text. Join its columns in task.text_columns.")
        if self.chunk_tokens > self.max_length - 2:
            raise ValueError(
                f"Chunks of {self.chunk_tokens} pieces, [CLS] and [SEP] are longer than task.max_length. "
                f"Set it to {self.chunk_tokens + 2} or more."
            )
        if self.stride > self._chunk_size:
            raise ValueError(
                f"With a stride of {self.stride} and chunks of {self._chunk_size} pieces, some are never read. "
                "Lower task.stride."
            )
        return self

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return a sequence for each chunk, of which [CLS] is read."""
        sections = [self._sections(example.inputs[0]) for example in examples]
        pieces = iter(tokenizer.encode_many([text for each in sections for text in each]))
        found = [self._chunks(tokenizer, [next(pieces).ids for _ in each]) for each in sections]
        return self.labelled(found, examples, learnt)

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return what makes labels of the pooled [CLS] of the chunks."""
        from mamebert.tasks.network.chunk_heads import aggregation_head

        return aggregation_head(self.aggregate, config, width, pooler, len(learnt.labels), self.positions)

    def named_head(self, learnt: TaskState) -> LinearHeadNames | JoinedHeadNames | None:
        """Return the same by names; kernels know neither LSTM nor Transformer over chunks."""
        linear = LinearHeadNames("classifier", len(learnt.labels))
        match self.aggregate:
            case "mean" | "max":
                return JoinedHeadNames(linear, self.aggregate)
            case "mean_prob" | "vote":
                return linear
            case _:
                return None

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy in nats; for chunks answered by themselves its mean over those of a document."""
        import torch
        from torch.nn.functional import cross_entropy

        from mamebert.training.loop import Losses

        if not self._by_chunk:
            return super().loss(found, batch, whole)
        shares = batch.weights() / torch.tensor(batch.counts, device=found.device)
        targets = batch.targets()[batch.owners]
        each = cross_entropy(found, targets, reduction="none", ignore_index=IGNORE_INDEX)
        return Losses((each * shares[batch.owners]).sum() / whole, {})

    def raws(self, found: Any, batch: Laid | TaskBatch) -> list[Raw]:
        """Return [1, labels] for each document, or [chunks, labels] where chunks are answered by themselves."""
        if self._by_chunk:
            return super().raws(found, batch)
        return list(as_array(found)[:, None])

    def probabilities(self, raws: Sequence[Raw]) -> npt.NDArray[np.floating]:
        """Return [documents, labels]; of a vote, the shares of the chunks."""
        if not self._by_chunk:
            return super().probabilities(raws)
        each = [softmax(raw) for raw in raws]
        return np.stack([_voted(rows) if self.aggregate == "vote" else rows.mean(axis=0) for rows in each])

    @property
    def _by_chunk(self) -> bool:
        return self.aggregate in ("mean_prob", "vote")

    @property
    def _chunk_size(self) -> int:
        return min(self.chunk_tokens or self.max_length, self.max_length - 2)

    def _sections(self, text: str) -> list[str]:
        if not self.section_mark:
            return [text]
        return [section for section in text.split(self.section_mark) if section.strip()] or [text]

    def _chunks(self, tokenizer: Tokenizer, sections: Sequence[Ids]) -> Features:
        size = self._chunk_size
        windows = [(i, w) for i, ids in enumerate(sections) for w in windows_every(len(ids), size, self.stride or size)]
        kept = list(islice(windows, self.max_chunks or None))
        ends = {section: window.end for section, window in kept}
        return Features(
            [enclosed(tokenizer, sections[i][window.start : window.end]) for i, window in kept],
            [FIRST] * len(kept),
            num_truncated=sum(map(len, sections)) - sum(ends.values()),
        )


def _voted(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the share of the chunks that answer each label; among equals the mean probability decides, half a vote."""
    votes = np.bincount(rows.argmax(axis=1), minlength=rows.shape[1])
    found: npt.NDArray[np.floating] = (votes + rows.mean(axis=0) / 2) / (len(rows) + 0.5)
    return found
