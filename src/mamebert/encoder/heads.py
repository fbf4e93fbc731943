"""Heads on top of the encoder: masked words, sentence pairs, labels."""

from typing import Any

import torch
from torch import Tensor, nn

from mamebert.encoder.activations import ACTIVATIONS, linear_activation
from mamebert.encoder.mobilebert.heads import WideWordHead
from mamebert.encoder.parts import LayerNorm, Linear, new_norm
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.cross_entropy import cross_entropy_or_copy, vocabulary_cross_entropy
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

    z_loss: float = 0.0
    """Weight in `loss` of the squared logarithm of the sum of exponentials."""

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
        ready = self.transform(hidden)
        return vocabulary_cross_entropy(ready, self.output_matrix, self.bias, targets, divisor, self.z_loss)

    def loss_or_copy(self, hidden: Tensor, targets: Tensor, copies: Tensor, shown: Tensor, divisor: int) -> Tensor:
        """Return the same where each token may be copied from what was shown there (`cross_entropy_or_copy`)."""
        ready = self.transform(hidden)
        return cross_entropy_or_copy(ready, self.output_matrix, self.bias, targets, copies, shown, divisor)


class DiscriminatorHead(nn.Module):
    """Tells of every token whether it was replaced (ELECTRA; Clark et al., 2020)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)
        self.dense_prediction = Linear(config.hidden_size, 1)
        self.hidden_act = config.hidden_act

    def forward(self, hidden: Tensor) -> Tensor:
        """Return scores [tokens], above 0 where a token was likelier replaced than not."""
        bent = linear_activation(hidden, self.dense.weight, self.dense.bias, self.hidden_act)
        scores: Tensor = self.dense_prediction(bent)
        return scores.squeeze(-1)


class PretrainingHeads(nn.Module):
    """The two heads of BERT's pretraining: masked words and next sentence; the latter where there is a pooler."""

    relations: tuple[str, ...] = ()
    """What the answers of `seq_relationship` mean, in their order: how a segment stands to another. Empty if none."""

    def __init__(self, config: EncoderConfig, words: nn.Embedding, tied: bool, pooler: nn.Module) -> None:
        super().__init__()
        own = pooler if config.has_prediction_head else None
        self.predictions: WideWordHead | MaskedWordHead = (
            WideWordHead(config, words, tied) if config.bottleneck else MaskedWordHead(config, words, tied, own)
        )
        self.seq_relationship: Any = Linear(config.hidden_size, 2) if config.has_pretrained_pooler else None
        self.deviation = config.initializer_range

    def ask_for(self, relations: tuple[str, ...]) -> None:
        """Let pairs of segments have one of these relations; a head that has as many answers goes on with them."""
        self.relations, old = relations, self.seq_relationship
        if old.out_features != len(relations):
            self.seq_relationship = Linear(old.in_features, len(relations)).to(old.weight.device)
            nn.init.normal_(self.seq_relationship.weight, std=self.deviation)
            nn.init.zeros_(self.seq_relationship.bias)
