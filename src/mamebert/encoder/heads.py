"""Heads on top of the encoder: masked words, sentence pairs, labels."""

from typing import Any

import torch
from torch import Tensor, nn

from mamebert.encoder.activations import ACTIVATIONS, linear_activation
from mamebert.encoder.mobilebert.heads import WideWordHead
from mamebert.encoder.parts import LayerNorm, Linear, new_norm
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.cross_entropy import vocabulary_cross_entropy
from mamebert.kernels.linear import linear


class Transform(nn.Module):
    """Dense, activation, LayerNorm: from hidden state to the space of token embeddings."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.embedding_width)
        self.LayerNorm = LayerNorm(config.embedding_width, eps=config.layer_norm_eps)
        self.hidden_act = config.hidden_act

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [chosen, embedding width]."""
        normal: Tensor = self.LayerNorm(linear_activation(hidden, self.dense.weight, self.dense.bias, self.hidden_act))
        return normal


class PredictionHead(nn.Module):
    """Dense, activation, LayerNorm: before the scores of words, and of all that tasks ask for (ModernBERT)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size, bias=config.has_biases)
        self.LayerNorm = new_norm(config)
        self.activation = config.pooler_act

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., hidden_size]."""
        activation = ACTIVATIONS.get(self.activation, torch.tanh)
        normal: Tensor = self.LayerNorm(activation(self.dense(hidden)))
        return normal


class MaskedWordHead(nn.Module):
    """Scores every vocabulary entry for a token; its matrix is the embedding table unless untied."""

    def __init__(self, config: EncoderConfig, words: nn.Embedding, tied: bool, transform: nn.Module | None) -> None:
        super().__init__()
        self.transform = transform or Transform(config)
        self.bias = nn.Parameter(torch.zeros(words.num_embeddings))
        self.decoder = nn.Module()
        self.decoder.weight = words.weight if tied else nn.Parameter(words.weight.detach().clone())
        self.tied = tied

    @property
    def output_matrix(self) -> nn.Parameter:
        """One row for each vocabulary entry; the embedding table itself when tied."""
        matrix = self.decoder.weight
        assert isinstance(matrix, nn.Parameter)
        return matrix

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits [chosen, vocabulary] in float32."""
        ready = self.transform(hidden)
        logits = linear(ready, self.output_matrix)
        return logits.float() + self.bias

    def loss(self, hidden: Tensor, targets: Tensor, divisor: int | None = None) -> Tensor:
        """Return the summed cross entropy in nats over `divisor`, else the mean; logits are never kept whole."""
        return vocabulary_cross_entropy(self.transform(hidden), self.output_matrix, self.bias, targets, divisor)


class PretrainingHeads(nn.Module):
    """The two heads of BERT's pretraining: masked words and next sentence; the latter where there is a pooler."""

    def __init__(self, config: EncoderConfig, words: nn.Embedding, tied: bool, pooler: nn.Module) -> None:
        super().__init__()
        own = pooler if config.has_prediction_head else None
        self.predictions: WideWordHead | MaskedWordHead = (
            WideWordHead(config, words, tied) if config.bottleneck else MaskedWordHead(config, words, tied, own)
        )
        self.seq_relationship: Any = None if own else Linear(config.hidden_size, 2)
