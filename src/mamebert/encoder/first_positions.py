"""What the position table starts from, and where heads look before they have learnt anything."""

from math import cos, pi, sin
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mamebert.config import Config
from mamebert.encoder.attention import SelfAttention
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig

SHORTEST, LONGEST = 4.0, 512.0
GAIN = 2.0
"""Length of the rows of queries and keys that look at a neighbour: docs/lab.md (2026-11-30)."""


class PositionEmbeddings(Config):
    """What new position embeddings and heads start from. They learn from there: the model is a BERT either way."""

    init: Literal["normal", "sinusoidal"] = "normal"
    """Random numbers, as BERT's, or sines and cosines (Vaswani et al., 2017) of wavelengths from 4 to 512 positions, of
    which products tell the distance of two tokens from the first step on."""
    norm: float | None = Field(default=None, gt=0)
    """Mean length of the rows. If not given: for sinusoidal 1, as long as word2vec's with embeddings.scale=unit; for
    normal what initializer_range comes to (0.23 at a width of 128)."""
    heads: Literal["anywhere", "neighbours"] = "anywhere"
    """Where heads look before they have learnt anything: anywhere, as in BERT, or (with sinusoidal) in the lower half
    of the layers the first at the token before, the second at the one behind, the third two before ... Trained
    encoders have such heads (Clark et al., 2019); small ones take millions of tokens to find them (docs/lab.md). In all
    layers they would hide the text from [CLS]. Structure in first weights: Trockman and Kolter (2023)."""
    frozen: bool = False
    """Keep the rows as they start, as Vaswani et al. have them; fine-tuning moves them. Adam's first steps are as long
    for what a row has learnt by chance as for anything else, and soon longer than the row."""

    @model_validator(mode="after")
    def _neighbours_are_found_by_waves(self) -> Self:
        if self.heads == "neighbours" and self.init != "sinusoidal":
            raise ValueError(
                "positions.heads=neighbours compares sines and cosines, and positions.init=normal has none. "
                "Set positions.init=sinusoidal, or leave positions.heads out."
            )
        return self


def start_positions(network: PretrainingNetwork, settings: PositionEmbeddings) -> None:
    """Put the first values into the position table, and into heads; nothing is drawn, so all else is what it was."""
    places = network.bert.embeddings.position_embeddings
    if places is None:  # distances have no table
        return
    table = places.weight
    with torch.no_grad():
        if settings.init == "sinusoidal":
            table.copy_(sinusoids(*table.shape))
        if settings.norm is not None or settings.init == "sinusoidal":
            table.mul_((settings.norm or 1.0) / table.norm(dim=1).mean())
        table.requires_grad_(not settings.frozen)
        if settings.heads == "neighbours":
            waves = wavelengths(*table.shape)
            layers = [each for each in network.bert.encoder.modules() if isinstance(each, SelfAttention)]
            for layer in layers[: -(-len(layers) // 2)]:
                look_at_neighbours(layer, waves)


def can_look_at_neighbours(shape: EncoderConfig) -> bool:
    """Tell whether heads find in what they see the sines and cosines that were put into a table of positions."""
    return shape.positions == "learnt" and shape.embedding_width == shape.hidden_size and not shape.bottleneck


def sinusoids(num_positions: int, width: int) -> Tensor:
    """Return [num_positions, width]: sines, then cosines, of wavelengths from 4 to 512 positions, evenly in logarithm.

    Vaswani et al. (2017) have wavelengths of 6 to 63,000: most of such a row is the same in a sequence of 128.
    """
    angles = 2 * pi * torch.arange(num_positions, dtype=torch.float64)[:, None] / wavelengths(num_positions, width)
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].float()


def wavelengths(num_positions: int, width: int) -> Tensor:
    """Return those of the sines, the shortest first: float64 [half of the width, or what is more]."""
    longest = max(LONGEST, float(num_positions))  # so that no two positions are alike
    exponents = torch.linspace(0, 1, -(-width // 2), dtype=torch.float64)
    return SHORTEST * (longest / SHORTEST) ** exponents


def look_at_neighbours(attention: SelfAttention, waves: Tensor) -> None:
    """Let the heads of a layer prefer neighbours: the first the token before, the second the one behind, and so on.

    A query takes sines and cosines of the shorter half of the waves, moved on by the distance, and a key the same
    unmoved, so that their product is a sum of cosines of (place of the key - place of the query - distance), with its
    top where that is 0. It is added to what was drawn.
    """
    num_waves, width = len(waves), attention.head_width
    apart = max(1, num_waves // 2 // (width // 2))
    query, key = attention.query.weight.detach(), attention.key.weight.detach()
    for head in range(attention.num_heads):
        distance = (1 + head // 2) * (-1 if head % 2 == 0 else 1)
        for pair in range(min(width // 2, key.shape[1] // 2)):
            wave, row = pair * apart, head * width + 2 * pair
            sine, cosine = wave, num_waves + wave
            turn = 2 * pi * distance / float(waves[wave])
            query[row, sine] += GAIN * cos(turn)
            query[row, cosine] += GAIN * sin(turn)
            query[row + 1, sine] -= GAIN * sin(turn)
            query[row + 1, cosine] += GAIN * cos(turn)
            key[row, sine] += GAIN
            key[row + 1, cosine] += GAIN
