"""The cost of a binary network on hardware made for it: an estimate, for ours runs simulated."""

from collections.abc import Sequence

from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.cost.flops import forward_flops

BINARY_AT_ONCE = 64
"""Binary operations that count as one of floats (Qin et al., 2022, after Liu et al., 2018)."""
NORM = 8
"""Operations of LayerNorm for each number: two sums, and differences, squares, scales and shifts."""


def times_fewer_operations(shape: EncoderConfig, lengths: Sequence[int]) -> float:
    """Return operations of the float encoder over those of the binary one, for sequences of these lengths.

    All products are binary. What stays in floats is counted for both: scale and bias of each output of a matrix, GELU
    (as one), what is added to a layer's input, and LayerNorm.
    """
    products = forward_flops(shape, lengths, lengths)
    width, each = shape.hidden_size, 0
    for heads, inner in zip(shape.heads_by_layer, shape.widths_by_layer, strict=True):
        each += 2 * (3 * heads * shape.head_width + inner + 2 * width) + inner + 2 * (1 + NORM) * width
    floats = each * sum(lengths)
    return (products + floats) / (products / BINARY_AT_ONCE + floats)
