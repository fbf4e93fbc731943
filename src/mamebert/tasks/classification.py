"""A text or a pair of texts in, one of several labels out (Devlin et al., 2019, section 4.1)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks.bases.chunked_text import ChunkedTextTask
from mamebert.tasks.bases.label_task import LabelTask
from mamebert.tasks.data.chunks import mean_of_chunks
from mamebert.tasks.data.features import Example, Features, TaskBatch, TaskState
from mamebert.tasks.data.problem_types import problem_type
from mamebert.tasks.network.named_heads import LinearHeadNames
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import nn

    from mamebert.training.loop import Losses

PROBLEM = "single_label_classification"


class Classification(ChunkedTextTask, LabelTask):
    """One label for each text or pair of texts."""

    architecture: ClassVar[str] = "BertForSequenceClassification"

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return a sequence for each chunk of an example; a label never seen in training is left out of the loss."""
        return self.labelled(self.sequences(tokenizer, [example.inputs for example in examples]), examples, learnt)

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy in nats, of the mean logits of all chunks."""
        return super().loss(mean_of_chunks(found, batch), batch, whole)

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return a linear layer over the pooled [CLS]."""
        from mamebert.tasks.network.heads import LinearHead

        return LinearHead(config, width, pooler, len(learnt.labels))

    def named_head(self, learnt: TaskState) -> LinearHeadNames:
        """Return that layer by its name."""
        return LinearHeadNames("classifier", len(learnt.labels))

    @classmethod
    def understands(cls, architecture: str, config: dict[str, Any]) -> bool:
        """Tell whether the class is used for one label out of several."""
        return architecture == cls.architecture and problem_type(config) == PROBLEM

    def plain_settings(self, learnt: TaskState) -> dict[str, Any]:
        """Return the labels, and that one of them is the answer, which transformers would have to guess."""
        return {**super().plain_settings(learnt), "problem_type": PROBLEM}
