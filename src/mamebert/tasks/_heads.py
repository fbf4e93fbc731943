"""Heads that several tasks share."""

from torch import Tensor, nn

from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks._features import TaskBatch


class PooledHead(nn.Module):
    """A linear layer over each [CLS] that is read, pooled where BERT's pooler is given (Devlin et al., 2019)."""

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
