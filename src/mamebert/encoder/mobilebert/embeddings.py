"""Narrow token embeddings, joined with their neighbours' and widened (MobileBERT; Sun et al., 2020)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from mamebert.encoder.embeddings import known_segments
from mamebert.encoder.norms import make_norm
from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig

NORM_EPS = 1e-5
"""What transformers' MobileBERT adds to variances here and behind the last feed-forward block, whatever it is told."""


class TrigramEmbeddings(nn.Module):
    """The sum of three embeddings; the token's is made of the next token, itself and the token before, in this order.

    Beyond the ends of a sequence neighbours are zero. (In a padded batch of plain transformers the last token has the
    padding row as its next one: the same where that row is zero, as it is in all that is trained here.)
    """

    def __init__(self, config: EncoderConfig, vocab_size: int) -> None:
        super().__init__()
        assert config.bottleneck
        self.trigram = config.bottleneck.trigram_input
        narrow, wide = config.embedding_width, config.hidden_size
        self.word_embeddings = nn.Embedding(vocab_size, narrow, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, wide)
        self.num_segments = config.type_vocab_size
        self.token_type_embeddings = nn.Embedding(self.num_segments, wide)
        self.embedding_transformation = Linear(3 * narrow if self.trigram else narrow, wide)
        self.LayerNorm = make_norm(config.bottleneck.normalization_type, wide, NORM_EPS)
        self.drop_rate = config.hidden_dropout_prob

    def forward(self, batch: Packed, dtype: torch.dtype) -> Tensor:
        """Return [tokens, hidden_size] in `dtype`."""
        words = self.word_embeddings(batch.ids).to(dtype)
        if self.trigram:
            first = batch.positions == 0
            words = _with_neighbours(words, first, first.roll(-1))  # what comes before a first token is a last one
        return self._finish(words, batch.segments, batch.positions)

    def padded(self, ids: Tensor, segments: Tensor, visible: Tensor) -> Tensor:
        """Return [batch, longest, hidden_size] for ids, segments and visibility, each [batch, longest]."""
        words = self.word_embeddings(ids).masked_fill(~visible[..., None], 0)
        positions = torch.arange(ids.shape[1], device=ids.device)
        if self.trigram:
            ends = positions == ids.shape[1] - 1
            words = _with_neighbours(words, positions == 0, ends)
        return self._finish(words, segments, positions)

    def _finish(self, words: Tensor, segments: Tensor, positions: Tensor) -> Tensor:
        if self.trigram or words.shape[-1] != self.embedding_transformation.out_features:
            words = self.embedding_transformation(words)
        kinds = self.token_type_embeddings(known_segments(segments, self.num_segments))
        summed = words + self.position_embeddings(positions) + kinds
        return dropout(self.LayerNorm(summed.to(words.dtype)), self.drop_rate, self.training)


def _with_neighbours(words: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Return [..., tokens, 3 * width] of [..., tokens, width]; bool [tokens] tell where sequences begin and end."""
    following = words.roll(-1, -2).masked_fill(last[:, None], 0)
    before = words.roll(1, -2).masked_fill(first[:, None], 0)
    return torch.cat([following, words, before], -1)
