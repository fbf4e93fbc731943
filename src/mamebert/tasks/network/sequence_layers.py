"""Layers over the vectors of an example: the sentences of a document, the chunks of a long text."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from mamebert.tasks.data.features import TaskBatch

WAVELENGTHS = 10_000.0


class TransformerOver(nn.Module):
    """Transformer layers with LayerNorm first in each and at the end, which see the vectors of one example."""

    def __init__(
        self, width: int, num_layers: int, most_heads: int, feedforward: int, dropout: float, with_positions: bool
    ) -> None:
        super().__init__()
        num_heads = max(n for n in range(1, most_heads + 1) if width % n == 0)
        layers = (
            nn.TransformerEncoderLayer(
                width, num_heads, feedforward, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(num_layers)
        )
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)
        self.with_positions = with_positions

    def forward(self, vectors: Tensor, batch: TaskBatch) -> Tensor:
        """Return [reads, width]."""
        padded, visible = batch.padded(vectors)
        if self.with_positions:
            padded = padded + sinusoids(*padded.shape[1:]).to(padded.device)
        for layer in self.layers:
            padded = layer(padded, src_key_padding_mask=~visible)
        found: Tensor = self.norm(padded[visible])
        return found


def sinusoids(num_places: int, width: int) -> Tensor:
    """Return [places, width]: sines at even and cosines at odd dimensions (Vaswani et al., 2017, section 3.5)."""
    rates = WAVELENGTHS ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(num_places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :width]


def in_order(vectors: Tensor, batch: TaskBatch) -> PackedSequence:
    """Return the vectors of each example as an LSTM reads them."""
    return pack_sequence(list(vectors.split(batch.counts)), enforce_sorted=False)
