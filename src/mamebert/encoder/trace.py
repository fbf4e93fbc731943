"""What one pass over a padded batch shows: the data alone; `Encoder.trace` makes it.

Slower than the packed pass, and equal to it where nothing is changed. It is for what looks inside (distillation from
attention, calibration), what switches parts off (gates), what changes the arithmetic (every product is a call of the
module that holds its matrix, so that a quantising one can stand in its place), and for graphs such as ONNX.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mamebert.encoder.packing import Packed


@dataclass(frozen=True)
class Padded:
    """A batch as a rectangle."""

    ids: Tensor
    """int64 [batch, longest]; 0 at padding."""
    segments: Tensor
    """int64 [batch, longest]."""
    visible: Tensor
    """bool [batch, longest]: False at padding."""

    @classmethod
    def of(cls, packed: Packed) -> "Padded":
        """Lay sequences one under the other."""
        lengths = list(packed.lengths)
        ids, segments = (pad_sequence(list(t.split(lengths)), batch_first=True) for t in (packed.ids, packed.segments))
        visible = torch.arange(max(lengths), device=ids.device) < torch.tensor(lengths, device=ids.device)[:, None]
        return cls(ids, segments, visible)


@dataclass(frozen=True)
class Gates:
    """Factors, 1 at first, on what heads and feed-forward neurons give: their gradients tell what each is worth."""

    heads: Sequence[Tensor]
    """One [heads] for each layer."""
    neurons: Sequence[Tensor]
    """One [intermediate_size] for each layer."""


@dataclass
class ForwardTrace:
    """What one pass shows. Lists have an entry for each layer, except `hidden`, which begins with the embeddings."""

    batch: Padded
    hidden: list[Tensor] = field(default_factory=list)
    """[batch, longest, hidden_size]."""
    queries: list[Tensor] = field(default_factory=list)
    """[batch, heads, longest, head width]; keys and values alike."""
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    """[batch, heads, longest, longest]: QK^T / sqrt(head width), before padding is hidden and before the softmax."""
    attention: list[Tensor] = field(default_factory=list)
    """[batch, heads, longest, longest]: rows are softmax distributions over the tokens that are visible."""
    context: list[Tensor] = field(default_factory=list)
    """[batch, longest, heads * head width]: what attention.output.dense reads."""
    intermediate: list[Tensor] = field(default_factory=list)
    """[batch, longest, intermediate_size]: what output.dense reads."""

    def forget_inside(self) -> None:
        """Drop all but the hidden states."""
        for each in (
            self.queries,
            self.keys,
            self.values,
            self.scores,
            self.attention,
            self.context,
            self.intermediate,
        ):
            each.clear()

    def packed(self, hidden: Tensor) -> Tensor:
        """Return the rows of visible tokens of a [batch, longest, ...], in the order of a packed batch."""
        return hidden[self.batch.visible]
