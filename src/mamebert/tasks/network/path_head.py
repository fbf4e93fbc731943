"""Texts beside paths that are vectors already: what the paths' own words are to an encoder that does not learn."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mamebert.encoder.model import Encoder
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.linear import linear
from mamebert.tasks.data.batching import batches
from mamebert.tasks.data.features import Features, TaskBatch, pack
from mamebert.tasks.network.pooling import TextVectors


class PathHead(nn.Module):
    """The cosine of each text, mean of its tokens and a linear layer, with each path."""

    paths: Tensor
    """[paths, hidden_size], of length 1; never learns."""

    def __init__(self, config: EncoderConfig, width: int, num_paths: int) -> None:
        super().__init__()
        self.vectors = TextVectors("mean", width)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.dense = Linear(width, config.hidden_size)
        self.register_buffer("paths", torch.zeros(num_paths, config.hidden_size))

    def forward(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [examples, paths] in float32."""
        texts = self.dense(self.dropout(self.vectors(reads.float(), batch)))
        return linear(normalize(texts), self.paths)


@torch.no_grad()
def text_vectors(encoder: Encoder, features: Sequence[Features], batch_tokens: int = 16_384) -> Tensor:
    """Return the mean of the last hidden states of each, float32 [features, hidden_size]."""
    mean, was_training = TextVectors("mean", encoder.config.hidden_size), encoder.training
    encoder.eval()
    found = []
    for rows in batches(features, range(len(features)), batch_tokens):
        batch = pack(features, rows)
        found.append(mean(encoder(batch.packed, batch.places)[batch.order].float(), batch))
    encoder.train(was_training)
    return torch.cat(found)
