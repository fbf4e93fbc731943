"""The bias that the score of each word starts from."""

import torch
from torch import Tensor

from mamebert.encoder.model import PretrainingNetwork


def start_from_frequencies(network: PretrainingNetwork, counts: Tensor) -> None:
    """Set the bias of every vocabulary entry to the logarithm of its share of the text.

    An untrained network then guesses as well as can be guessed without context. Otherwise it has to learn the
    frequencies first, and writes them into one direction that all its token embeddings share. `counts` int64
    [vocabulary]; each counts as one more than it is, so that words never seen have a finite score.
    """
    seen = counts.double() + 1
    with torch.no_grad():
        network.cls.predictions.bias.copy_((seen / seen.sum()).log())
