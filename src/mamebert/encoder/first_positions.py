"""What the position table starts from."""

from math import pi
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from mamebert.config import Config
from mamebert.encoder.model import PretrainingNetwork

SHORTEST, LONGEST = 4.0, 512.0


class PositionEmbeddings(Config):
    """What the position embeddings of new weights start from. They learn from there: the model is a BERT either way."""

    init: Literal["normal", "sinusoidal"] = "normal"
    """Random numbers, as BERT's, or sines and cosines (Vaswani et al., 2017) of wavelengths from 4 to 512 positions, of
    which products tell the distance of two tokens from the first step on."""
    norm: float | None = Field(default=None, gt=0)
    """Mean length of the rows. If not given: for sinusoidal 1, as long as word2vec's with embeddings.scale=unit; for
    normal what initializer_range comes to (0.23 at a width of 128)."""


def start_positions(network: PretrainingNetwork, settings: PositionEmbeddings) -> None:
    """Put the first values into the position table; nothing is drawn, so all other weights are what they were."""
    places = network.bert.embeddings.position_embeddings
    if places is None:  # distances have no table
        return
    table = places.weight
    with torch.no_grad():
        if settings.init == "sinusoidal":
            table.copy_(sinusoids(*table.shape))
        if settings.norm is not None or settings.init == "sinusoidal":
            table.mul_((settings.norm or 1.0) / table.norm(dim=1).mean())


def sinusoids(num_positions: int, width: int) -> Tensor:
    """Return [num_positions, width]: sines, then cosines, of wavelengths from 4 to 512 positions, evenly in logarithm.

    Vaswani et al. (2017) have wavelengths of 6 to 63,000: most of such a row is the same in a sequence of 128.
    """
    num_waves = -(-width // 2)
    longest = max(LONGEST, float(num_positions))  # so that no two positions are alike
    exponents = torch.linspace(0, 1, num_waves, dtype=torch.float64)
    wavelengths = SHORTEST * (longest / SHORTEST) ** exponents
    angles = 2 * pi * torch.arange(num_positions, dtype=torch.float64)[:, None] / wavelengths
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].float()
