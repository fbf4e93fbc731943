"""What a pretraining step costs in matrix products, counted by hand from the shape and the batch.

Only products are counted: two operations (a multiplication and an addition) for each pair of numbers that meet.
With H the width, I the width inside the feed-forward block, V the vocabulary, T tokens, and sequences of lengths L,
the forward pass takes

    a layer            2 T (4 H² + 2 H I) + 4 H ΣL²
    the last layer     2 T 2 H² + 2 R (2 H² + 2 H I) + 4 H ΣrL
    masked words       2 C (H² + H V)
    sentence pairs     2 S (H² + 2 H)

The last layer needs keys and values of every token, and everything else only at the R places that a head reads: r of
them in a sequence. C tokens are asked for and S pairs. The backward pass takes twice as much, a product for the
gradient of either factor, except that a frozen output matrix gets none: 2 C H V less. What a kernel computes a second
time to save memory is not counted. (The convention of PaLM's model FLOPs utilisation; Chowdhery et al., 2022,
appendix B.)
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Shape(Protocol):
    """The numbers of an encoder's settings that matter here."""

    @property
    def hidden_size(self) -> int:
        """H."""

    @property
    def intermediate_size(self) -> int:
        """I."""

    @property
    def num_hidden_layers(self) -> int:
        """Layers, the last one included."""


def step_flops(
    shape: Shape,
    vocab_size: int,
    lengths: Sequence[int],
    read: Sequence[int] | npt.NDArray[np.int64],
    num_chosen: int,
    num_pairs: int = 0,
    learns_output: bool = True,
) -> int:
    """Return the floating-point operations of one training step, forward and backward.

    `lengths` are the tokens of each sequence and `read` the places in each that the last layer computes (the lengths
    again where it computes all). `num_pairs` is 0 where no sentence question is asked.
    """
    width, inner = shape.hidden_size, shape.intermediate_size
    each, asked = np.asarray(lengths, np.int64), np.asarray(read, np.int64)
    tokens, rows = int(each.sum()), int(asked.sum())
    layer = 2 * tokens * (4 * width**2 + 2 * width * inner) + 4 * width * int((each**2).sum())
    last = 4 * tokens * width**2 + 4 * rows * (width**2 + width * inner) + 4 * width * int((asked * each).sum())
    output = 2 * num_chosen * width * vocab_size
    heads = 2 * num_chosen * width**2 + output + 2 * num_pairs * (width**2 + 2 * width)
    forward = (shape.num_hidden_layers - 1) * layer + last + heads
    return 3 * forward - (0 if learns_output else output)
