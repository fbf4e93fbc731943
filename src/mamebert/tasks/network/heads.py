"""Heads that several tasks share."""

import torch
from torch import Tensor, nn

from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
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


class SpanHead(nn.Module):
    """A linear layer that gives each token two scores (Devlin et al., 2019, section 4.2)."""

    def __init__(self, width: int, before: nn.Module | None) -> None:
        super().__init__()
        self.before = before
        self.qa_outputs = Linear(width, 2)

    def forward(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [reads, 2] in float32: the scores of being the first and the last token of the answer."""
        scores: Tensor = self.qa_outputs(self.before(reads) if self.before else reads)
        return scores.float()


def over_tokens(config: EncoderConfig, pooler: nn.Module | None) -> nn.Module | None:
    """Return what of the encoder stands before the outputs of tokens: a prediction head, and no pooler of [CLS]."""
    return pooler if config.has_prediction_head else None


def no_and_yes(found: Tensor) -> Tensor:
    """Return [outputs, 2], the scores of no and yes of outputs that are such questions each.

    Their softmax is the sigmoid of an output.
    """
    yes = found.flatten()
    return torch.stack([torch.zeros_like(yes), yes], 1)
