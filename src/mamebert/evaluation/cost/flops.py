"""Matrix products of a forward pass and of a pretraining step, counted from the shape and the batch.

Only products are counted: two operations (a multiplication and an addition) for each pair of numbers that meet.
With H the width, I the width inside the feed-forward block, V the vocabulary, T tokens, and sequences of lengths L,
the forward pass takes

    a layer            2 T (4 H A + 2 H I) + 4 A ΣL²
    the last layer     2 T 2 H A + 2 R (2 H A + 2 H I) + 4 A ΣrL
    masked words       2 C (H² + H V)
    sentence pairs     2 S (H² + 2 H), or 3 H where there are three answers

A is the width of all heads of a layer together: H, unless heads were pruned. Where embeddings are narrower than H
(width E), they come to it by 2 T E H, and masked words take 2 C (H E + E V). Layers that share their weights cost as
much as others. A gated block has a matrix more, 2 T 3 H I, and in a layer with a window the pairs within reach of each
other take the place of L². The last layer needs keys and values of every token, and everything else only at the R
places that a head reads: r of them in a sequence. C tokens are asked for and S pairs. The backward pass takes twice as
much, a product for the gradient of either factor, except that a frozen output matrix gets none: 2 C H V less. What a
kernel computes a second time to save memory is not counted. (The convention of PaLM's model FLOPs utilisation;
Chowdhery et al., 2022, appendix B.)
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Product = tuple[int, int, int]
"""Rows, numbers in each, and numbers that each becomes: a matrix product of a head."""


class Shape(Protocol):
    """The numbers of an encoder's settings that matter here; layers may differ."""

    @property
    def hidden_size(self) -> int:
        """H."""

    @property
    def embedding_width(self) -> int:
        """E: the width of the token table, H where it is not factorised."""

    @property
    def head_width(self) -> int:
        """Width of one attention head."""

    @property
    def heads_by_layer(self) -> Sequence[int]:
        """Attention heads of each layer, 0 where it has no attention."""

    @property
    def widths_by_layer(self) -> Sequence[int]:
        """I of each layer, 0 where the block is gone."""

    @property
    def ffn_matrices(self) -> int:
        """Matrices of a feed-forward block: 2, or 3 where one is a gate."""

    def reach(self, layer: int) -> int:
        """Return how many tokens to either side a token sees in a layer; below 0 it sees all."""


def forward_flops(
    shape: Shape,
    lengths: Sequence[int],
    read: Sequence[int] | npt.NDArray[np.int64],
    products: Iterable[Product] = (),
) -> int:
    """Return the floating-point operations of one forward pass through the encoder and the `products` of a head.

    `lengths` are the tokens of each sequence and `read` the places in each that the last layer computes (the lengths
    again where it computes all).
    """
    each, asked = np.asarray(lengths, np.int64), np.asarray(read, np.int64)
    tokens, rows = int(each.sum()), int(asked.sum())
    sizes = zip(shape.heads_by_layer, shape.widths_by_layer, strict=True)
    # Counted as a block of two matrices that is as much wider.
    layers = [(heads * shape.head_width, inner * shape.ffn_matrices // 2) for heads, inner in sizes]
    total = 0
    for number, layer in enumerate(layers):
        is_last = number == len(layers) - 1
        seen = _seen(each, shape.reach(number))
        meetings = int((asked * seen // each).sum()) if is_last else int(seen.sum())
        total += _layer(shape.hidden_size, *layer, tokens, rows if is_last else tokens, meetings)
    total += sum(2 * number * given * made for number, given, made in products)
    narrow = shape.embedding_width
    return total + (2 * tokens * narrow * shape.hidden_size if narrow != shape.hidden_size else 0)


def _seen(lengths: npt.NDArray[np.int64], reach: int) -> npt.NDArray[np.int64]:
    """Return for each sequence how many pairs of tokens see each other."""
    if reach < 0:
        return lengths**2
    near = np.minimum(reach, lengths - 1)
    seen: npt.NDArray[np.int64] = lengths * (2 * near + 1) - near * (near + 1)
    return seen


def _layer(width: int, heads: int, inner: int, tokens: int, rows: int, meetings: int) -> int:
    """Count keys and values of all tokens, queries, outputs and feed-forward of some, and `meetings` of both."""
    return 4 * width * heads * (tokens + rows) + 4 * heads * meetings + 4 * rows * width * inner


def step_flops(
    shape: Shape,
    vocab_size: int,
    lengths: Sequence[int],
    read: Sequence[int] | npt.NDArray[np.int64],
    num_chosen: int,
    num_pairs: int = 0,
    num_answers: int = 2,
    learns_output: bool = True,
) -> int:
    """Return the floating-point operations of one training step, forward and backward.

    `lengths` and `read` as in `forward_flops`. `num_pairs` is 0 where no sentence question is asked, which has so many
    answers.
    """
    width, narrow = shape.hidden_size, shape.embedding_width
    words = [(num_chosen, width, narrow), (num_chosen, narrow, vocab_size)]
    pairs = [(num_pairs, width, width), (num_pairs, width, num_answers)]
    forward = forward_flops(shape, lengths, read, [*words, *pairs])
    return 3 * forward - (0 if learns_output else 2 * num_chosen * narrow * vocab_size)
