"""Input embeddings: word and, as far as an encoder has them, position and segment, added and normalised."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from mamebert.encoder.named.kernel_parts import SEGMENTS
from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import LayerNorm, Linear, bias_of
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.embeddings import summed_embeddings
from mamebert.kernels.native import require_within


def known_segments(segments: Tensor, num_known: int) -> Tensor:
    """Return the segments as an encoder knows them: where it has one only all tokens belong to that (as RoBERTa's)."""
    return torch.zeros_like(segments) if num_known == 1 else segments


class Embeddings(nn.Module):
    """The sum of three embeddings (Devlin et al., 2019), which may be narrow and then widened (Lan et al., 2020)."""

    def __init__(self, config: EncoderConfig, vocab_size: int) -> None:
        super().__init__()
        width = config.embedding_width
        self.word_embeddings = nn.Embedding(vocab_size, width, padding_idx=config.pad_token_id)
        self.room = config.max_position_embeddings
        self.position_embeddings = nn.Embedding(self.room, width) if config.positions == "learnt" else None
        self.num_segments = types = config.type_vocab_size
        self.token_type_embeddings = nn.Embedding(types, width) if types else None
        self.LayerNorm = LayerNorm(width, eps=config.layer_norm_eps, bias=config.has_biases)
        self.projection = Linear(width, config.hidden_size) if config.embedding_size else None
        self.drop_rate = config.hidden_dropout_prob

    def forward(self, batch: Packed, dtype: torch.dtype) -> Tensor:
        """Return [tokens, hidden_size] in `dtype`."""
        norm, places, types = self.LayerNorm, self.position_embeddings, self.token_type_embeddings
        if not places:  # else no row of the table may be beyond its end
            require_within(batch.positions, self.room, "position of a token")
        # What there is none of adds zeros.
        positions = places.weight if places else norm.weight.new_zeros(1, len(norm.weight))
        segments = types.weight if types else norm.weight.new_zeros(SEGMENTS, len(norm.weight))
        summed = summed_embeddings(
            (
                batch.ids,
                batch.positions if places else torch.zeros_like(batch.positions),
                known_segments(batch.segments, len(segments)),
            ),
            (self.word_embeddings.weight, positions, segments),
            (norm.weight, bias_of(norm)),
            dtype,
            self.LayerNorm.eps,
            self.drop_rate if self.training else 0.0,
        )
        return self._widened(summed)

    def padded(self, ids: Tensor, segments: Tensor, visible: Tensor | None = None) -> Tensor:
        """Return [batch, longest, hidden_size] for ids and segments [batch, longest]; what is padding matters not."""
        words = self.word_embeddings(ids)
        types, places = self.token_type_embeddings, self.position_embeddings
        summed = words + types(known_segments(segments, self.num_segments)) if types else words
        if places:
            summed = summed + places(torch.arange(ids.shape[1], device=ids.device))
        return self._widened(dropout(self.LayerNorm(summed), self.drop_rate, self.training))

    def _widened(self, summed: Tensor) -> Tensor:
        result: Tensor = self.projection(summed) if self.projection else summed
        return result
