"""Heads that several tasks share."""

from typing import Any

import torch
from torch import Tensor, nn

from mamebert.encoder.parts import Linear, bias_of
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.packed_encoder import DenseParts, StepParts
from mamebert.tasks.data.features import TaskBatch


class LinearHead(nn.Module):
    """A linear layer over each token that is read, pooled where BERT's pooler is given (Devlin et al., 2019)."""

    def __init__(self, config: EncoderConfig, width: int, pooler: nn.Module | None, num_outputs: int) -> None:
        super().__init__()
        self.pooler = pooler
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = Linear(width, num_outputs)

    def forward(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [reads, outputs] in float32."""
        pooled = self.pooler(reads) if self.pooler else reads
        outputs: Tensor = self.classifier(self.dropout(pooled))
        return outputs.float()

    def steps(self) -> list[StepParts]:
        """Return the dense layers that it is, one after the other, for kernels; none where it is something else."""
        return steps_of(self.pooler, self.classifier)


def steps_of(before: Any, last: Linear) -> list[StepParts]:
    """Return the steps of a linear layer behind a pooler or a prediction head, or behind none."""
    return [*([before.step()] if before else []), StepParts(DenseParts(last.weight, bias_of(last)))]


def over_tokens(config: EncoderConfig, pooler: nn.Module | None) -> nn.Module | None:
    """Return what of the encoder stands before the outputs of tokens: a prediction head, and no pooler of [CLS]."""
    return pooler if config.has_prediction_head else None


def problem_type(config: dict[str, Any]) -> str:
    """Return what the outputs of a BertForSequenceClassification mean, as transformers reads its config.json.

    Where that says nothing, one output is a number and several are labels of which one is right.
    """
    num_outputs = len(config.get("id2label") or (0, 1))
    return str(config.get("problem_type") or ("regression" if num_outputs == 1 else "single_label_classification"))


def no_and_yes(found: Tensor) -> Tensor:
    """Return [outputs, 2], the scores of no and yes of outputs that are such questions each.

    Their softmax is the sigmoid of an output.
    """
    yes = found.flatten()
    return torch.stack([torch.zeros_like(yes), yes], 1)
