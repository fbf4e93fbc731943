"""Input embeddings: word, position and segment, added and normalised."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import LayerNorm, Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.embeddings import summed_embeddings

SEGMENTS = 2
"""How many segments a batch tells apart."""


def known_segments(segments: Tensor, num_known: int) -> Tensor:
    """Return the segments as an encoder knows them: where it has one only all tokens belong to that (as RoBERTa's)."""
    return torch.zeros_like(segments) if num_known == 1 else segments


class Embeddings(nn.Module):
    """The sum of three embeddings (Devlin et al., 2019), which may be narrow and then widened (Lan et al., 2020)."""

    def __init__(self, config: EncoderConfig, vocab_size: int) -> None:
        super().__init__()
        width = config.embedding_width
        self.word_embeddings = nn.Embedding(vocab_size, width, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.num_segments = types = config.type_vocab_size
        self.token_type_embeddings = nn.Embedding(types, width) if types else None
        self.LayerNorm = LayerNorm(width, eps=config.layer_norm_eps)
        self.projection = Linear(width, config.hidden_size) if config.embedding_size else None
        self.drop_rate = config.hidden_dropout_prob

    def forward(self, batch: Packed, dtype: torch.dtype) -> Tensor:
        """Return [tokens, hidden_size] in `dtype`."""
        positions, types = self.position_embeddings.weight, self.token_type_embeddings
        segments = types.weight if types else positions.new_zeros(SEGMENTS, positions.shape[1])
        summed = summed_embeddings(
            (batch.ids, batch.positions, known_segments(batch.segments, len(segments))),
            (self.word_embeddings.weight, positions, segments),
            (self.LayerNorm.weight, self.LayerNorm.bias),
            dtype,
            self.LayerNorm.eps,
            self.drop_rate if self.training else 0.0,
        )
        return self._widened(summed)

    def padded(self, ids: Tensor, segments: Tensor, visible: Tensor | None = None) -> Tensor:
        """Return [batch, longest, hidden_size] for ids and segments [batch, longest]; what is padding matters not."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        words = self.word_embeddings(ids)
        types = self.token_type_embeddings
        known = words + types(known_segments(segments, self.num_segments)) if types else words
        summed = known + self.position_embeddings(positions)
        return self._widened(dropout(self.LayerNorm(summed), self.drop_rate, self.training))

    def _widened(self, summed: Tensor) -> Tensor:
        result: Tensor = self.projection(summed) if self.projection else summed
        return result
