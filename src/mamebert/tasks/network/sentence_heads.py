"""Heads that give each sentence of a document one score (BERTSUM; Liu, 2019)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import unpack_sequence

from mamebert.encoder.parts import LayerNorm, Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks.data.features import TaskBatch
from mamebert.tasks.network.sequence_layers import TransformerOver, in_order

NUM_LAYERS, NUM_HEADS, FEEDFORWARD = 2, 8, 2048
"""BERTSUM's Transformer."""


class LinearScorer(nn.Module):
    """A linear layer over the [CLS] of each sentence."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = Linear(width, 1)

    def forward(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [sentences] in float32."""
        scores: Tensor = self.classifier(self.dropout(self.within_document(reads, batch)))
        return scores[:, 0].float()

    def within_document(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return a vector for each sentence that may know the others; here it does not."""
        return reads


class TransformerScorer(LinearScorer):
    """Two Transformer layers over the sentences, which are told their order."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        super().__init__(config, width)
        self.transformer = TransformerOver(width, NUM_LAYERS, NUM_HEADS, FEEDFORWARD, config.hidden_dropout_prob, True)

    def within_document(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [sentences, width]."""
        found: Tensor = self.transformer(reads, batch)
        return found


class LSTMScorer(LinearScorer):
    """An LSTM in both directions over the sentences; LayerNorm stands behind it, in BERTSUM inside its gates too."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        size = (width + 1) // 2
        super().__init__(config, 2 * size)
        self.lstm = nn.LSTM(width, size, bidirectional=True)
        self.norm = LayerNorm(2 * size)

    def within_document(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [sentences, width]."""
        states, _ = self.lstm(in_order(reads, batch))
        normalised: Tensor = self.norm(torch.cat(unpack_sequence(states)))
        return normalised


SCORERS: Mapping[str, type[LinearScorer]] = {
    "linear": LinearScorer,
    "transformer": TransformerScorer,
    "lstm": LSTMScorer,
}
