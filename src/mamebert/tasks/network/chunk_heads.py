"""Heads that make one answer of the chunks of a long document."""

import torch
from torch import Tensor, nn

from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks.data.features import TaskBatch
from mamebert.tasks.network.heads import LinearHead
from mamebert.tasks.network.sequence_layers import TransformerOver, in_order

LSTM_SIZE, DENSE_SIZE = 100, 30
"""RoBERT's."""
NUM_LAYERS = 2
"""ToBERT's."""


class JoinedHead(LinearHead):
    """A linear layer over one vector for each document, made of the pooled [CLS] of its chunks."""

    def forward(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [documents, labels] in float32."""
        pooled = self.pooler(reads) if self.pooler else reads
        outputs: Tensor = self.classifier(self.dropout(self.joined(pooled, batch)))
        return outputs.float()

    def joined(self, pooled: Tensor, batch: TaskBatch) -> Tensor:
        """Return [documents, width]: here the mean of the chunks."""
        sums = pooled.new_zeros(len(batch.counts), pooled.shape[1]).index_add(0, batch.owners, pooled)
        return sums / torch.tensor(batch.counts, device=sums.device)[:, None]


class LargestHead(JoinedHead):
    """The largest value in each dimension (AD-BERT)."""

    def joined(self, pooled: Tensor, batch: TaskBatch) -> Tensor:
        """Return [documents, width]; the gradient of a dimension goes to the chunk that has the largest value."""
        padded, visible = batch.padded(pooled)
        return padded.masked_fill(~visible[..., None], -torch.inf).max(dim=1).values


class LSTMHead(JoinedHead):
    """The last state of an LSTM, and a layer with ReLU (RoBERT)."""

    def __init__(self, config: EncoderConfig, width: int, pooler: nn.Module | None, num_labels: int) -> None:
        super().__init__(config, DENSE_SIZE, pooler, num_labels)
        self.lstm = nn.LSTM(width, LSTM_SIZE)
        self.dense = Linear(LSTM_SIZE, DENSE_SIZE)

    def joined(self, pooled: Tensor, batch: TaskBatch) -> Tensor:
        """Return [documents, DENSE_SIZE]."""
        _, (last, _) = self.lstm(in_order(pooled, batch))
        return torch.relu(self.dense(last[0]))


class TransformerHead(JoinedHead):
    """Two Transformer layers and the mean of what they make of the chunks (ToBERT)."""

    def __init__(
        self, config: EncoderConfig, width: int, pooler: nn.Module | None, num_labels: int, positions: bool
    ) -> None:
        super().__init__(config, width, pooler, num_labels)
        self.transformer = TransformerOver(
            width, NUM_LAYERS, config.num_attention_heads, 4 * width, config.hidden_dropout_prob, positions
        )

    def joined(self, pooled: Tensor, batch: TaskBatch) -> Tensor:
        """Return [documents, width]."""
        return super().joined(self.transformer(pooled, batch), batch)


def aggregation_head(
    aggregate: str, config: EncoderConfig, width: int, pooler: nn.Module | None, num_labels: int, positions: bool
) -> nn.Module:
    """Return a head that gives [documents, labels], or with "mean_prob" and "vote" [chunks, labels]."""
    if aggregate == "transformer":
        return TransformerHead(config, width, pooler, num_labels, positions)
    heads = {"mean": JoinedHead, "max": LargestHead, "lstm": LSTMHead}
    return heads.get(aggregate, LinearHead)(config, width, pooler, num_labels)
