"""What a token is before any context: its word, its place and its segment, added and normalised."""

import torch
from torch import Tensor, nn

from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import LayerNorm
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.embeddings import summed_embeddings


class Embeddings(nn.Module):
    """The sum of three embeddings (Devlin et al., 2019)."""

    def __init__(self, config: EncoderConfig, vocab_size: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.drop_rate = config.hidden_dropout_prob

    def forward(self, batch: Packed, dtype: torch.dtype) -> Tensor:
        """Return [tokens, hidden_size] in `dtype`."""
        tables = (self.word_embeddings, self.position_embeddings, self.token_type_embeddings)
        return summed_embeddings(
            (batch.ids, batch.positions, batch.segments),
            tuple(table.weight for table in tables),
            (self.LayerNorm.weight, self.LayerNorm.bias),
            dtype,
            self.LayerNorm.eps,
            self.drop_rate if self.training else 0.0,
        )
