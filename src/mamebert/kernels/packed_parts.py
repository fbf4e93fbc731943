"""The parts of an encoder and of a head, as kernels are told of them: weights, and what is done between them."""

from typing import TYPE_CHECKING, Any, NamedTuple

from mamebert.kernels.native import Array

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATIONS = ("gelu", "gelu_new", "relu")
ENDS = (*ACTIVATIONS, "tanh", "none")
"""What bends the steps of a head. Both are in the order of the source."""
EVERYWHERE = (-1, -1)


class DenseParts(NamedTuple):
    """Weight [out_features, in_features] and bias of a dense layer, or of a LayerNorm [width]."""

    weight: Any
    """A tensor or an array; of a dense layer a tensor that was made ready, or what is laid out already."""
    bias: "Tensor | Array"


class LayerParts(NamedTuple):
    """One layer of BERT, or of its kin: attention and a feed-forward block, each added to what came in."""

    dense: tuple[DenseParts, ...]
    """Of query, key, value, attention output, intermediate and output."""
    norms: tuple[DenseParts | None, ...]
    """LayerNorm before attention, of the attention output, before the feed-forward block, and of the output."""
    num_heads: int
    gate: DenseParts | None = None
    """What the activated intermediate is multiplied with."""
    activation: str = "gelu"
    reach: tuple[int, int] = EVERYWHERE
    """How many tokens to the left and to the right are seen; -1 means all."""
    slopes: "Tensor | Array | None" = None
    """float32 [heads]: what a token of distance takes from a score."""
    angles: "tuple[Tensor | Array, Tensor | Array] | None" = None
    """Cosines and sines by which queries and keys are turned, float32 [positions, head width / 2] each."""


class EmbeddingParts(NamedTuple):
    """Tables whose rows are added, normalised, and perhaps widened."""

    words: "Tensor | Array"
    """[vocabulary, width], as the others are wide."""
    positions: "Tensor | Array | None"
    segments: "Tensor | Array | None"
    num_positions: int
    """Tokens of the longest sequence."""
    num_segments: int
    """Where there is one all tokens are of that."""
    norm: DenseParts
    widened: DenseParts | None = None
    """In float32."""


class StepParts(NamedTuple):
    """A dense layer of a head over each token that is asked, what bends it, and what normalises it."""

    dense: DenseParts
    activation: str = "none"
    norm: DenseParts | None = None
