"""Heads of an encoder with bottlenecks, where they differ from BERT's (MobileBERT; Sun et al., 2020)."""

import torch
from torch import Tensor, nn

from mamebert.encoder.activations import ACTIVATIONS
from mamebert.encoder.parts import LayerNorm, Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.cross_entropy import vocabulary_cross_entropy
from mamebert.kernels.linear import linear


class FirstVector(nn.Module):
    """A pooler that gives the [CLS] vector as it is."""

    def forward(self, firsts: Tensor) -> Tensor:
        """Return [sequences, hidden_size]."""
        return firsts


class WideTransform(nn.Module):
    """Dense, activation, LayerNorm, all as wide as the body; a LayerNorm even where the encoder has none."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.hidden_act]
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [chosen, hidden_size]."""
        result: Tensor = self.LayerNorm(self.activation(self.dense(hidden)))
        return result


class WideWordHead(nn.Module):
    """Scores every vocabulary entry; its matrix is the narrow embedding table, beside which more columns stand."""

    z_loss: float = 0.0
    """Weight in `loss` of the squared logarithm of the sum of exponentials."""

    def __init__(self, config: EncoderConfig, words: nn.Embedding, tied: bool) -> None:
        super().__init__()
        self.transform = WideTransform(config)
        self.bias = nn.Parameter(torch.zeros(words.num_embeddings))
        self.decoder = nn.Module()
        self.decoder.weight = words.weight if tied else nn.Parameter(words.weight.detach().clone())
        self.dense = nn.Linear(words.num_embeddings, config.hidden_size - config.embedding_width, bias=False)
        self.tied = tied

    @property
    def output_matrix(self) -> Tensor:
        """One row for each vocabulary entry, [vocabulary, hidden_size]: the table and the further columns."""
        assert isinstance(self.decoder.weight, Tensor)
        return torch.cat([self.decoder.weight, self.dense.weight.T], 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits [chosen, vocabulary] in float32."""
        ready = self.transform(hidden)
        return linear(ready, self.output_matrix).float() + self.bias

    def loss(self, hidden: Tensor, targets: Tensor, divisor: int | None = None) -> Tensor:
        """Return the summed cross entropy in nats over `divisor`, else the mean; logits are never kept whole."""
        ready = self.transform(hidden)
        return vocabulary_cross_entropy(ready, self.output_matrix, self.bias, targets, divisor, self.z_loss)
