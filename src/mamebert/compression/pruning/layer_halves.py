"""The halves of a network's layers with structures removed, ready to be put together in any combination (ZipLM)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from mamebert.compression.contract import Subject
from mamebert.compression.pruning.obs import Hessian, Snapshot, remove_structures, spread
from mamebert.compression.pruning.uneven_shapes import keep
from mamebert.encoder.layer import Layer
from mamebert.encoder.model import Encoder
from mamebert.encoder.trace import Padded

WIDTH_STEP = 16  # the native kernels take rows that fill vectors of 16
DENSITY_STEP, LEAST_DENSITY = 0.9, 0.01


@dataclass(frozen=True)
class Half:
    """Attention or feed-forward block of one layer, with what is left of its output matrix at each level."""

    layer: int
    is_attention: bool
    size: int
    """Columns of a structure: the width of a head, or 1 for a neuron."""
    snapshots: list[Snapshot]
    """At each level; the first is whole, the last empty. Weights are float32."""

    def output(self, encoder: Encoder) -> nn.Linear:
        """Return the matrix that reads what heads or neurons give."""
        layer = cast(Layer, encoder.encoder.layer[self.layer])
        return (layer.attention.output if self.is_attention else layer.output).dense

    def put(self, encoder: Encoder, level: int) -> None:
        """Give a whole encoder the weights of a level, with zeros for what is gone; an empty half has no bias."""
        snapshot, dense = self.snapshots[level], self.output(encoder)
        dense.weight.copy_(spread(snapshot, self.size, dense.in_features))
        if not len(snapshot.kept):
            dense.bias.zero_()


@torch.no_grad()
def prune_halves(subject: Subject, batches: Sequence[Any]) -> list[Half]:
    """Return every half of every layer that has something, pruned for what it reads in these batches."""
    subject.network.eval()
    encoder = subject.bert
    hessians = _hessians(encoder, batches)
    return [
        _pruned(number, is_attention, encoder, hessian)
        for number, of_layer in enumerate(hessians)
        for is_attention, hessian in zip((True, False), of_layer, strict=True)
        if hessian.total.numel()
    ]


@torch.no_grad()
def stitch(encoder: Encoder, halves: Sequence[Half], levels: Sequence[int]) -> None:
    """Put the halves at their levels into an encoder of the shape they were taken from, zeros for what is gone."""
    for half, level in zip(halves, levels, strict=True):
        half.put(encoder, level)


def cut_to(encoder: Encoder, halves: Sequence[Half], levels: Sequence[int]) -> None:
    """Do the same, and leave out what is gone."""
    stitch(encoder, halves, levels)
    heads, neurons = ([list(range(n)) for n in each] for each in sizes(encoder))
    for half, level in zip(halves, levels, strict=True):
        (heads if half.is_attention else neurons)[half.layer] = half.snapshots[level].kept.tolist()
    keep(encoder, heads, neurons)


def sizes(encoder: Encoder) -> tuple[list[int], list[int]]:
    """Return the heads and the neurons of each layer."""
    return encoder.config.heads_by_layer, encoder.config.widths_by_layer


def levels_of(number: int, is_attention: bool) -> list[int]:
    """Return how many of `number` structures are kept at each level, falling to 0.

    Heads go one by one; neurons by a tenth at a time, down to a hundredth, in numbers that kernels take well.
    """
    if is_attention:
        return list(range(number, -1, -1))
    densities = [DENSITY_STEP**k for k in range(1000) if DENSITY_STEP**k > LEAST_DENSITY]
    rounded = {max(1, round(density * number / WIDTH_STEP)) * WIDTH_STEP for density in densities}
    return [number, *sorted((width for width in rounded if width < number), reverse=True), 0]


def _hessians(encoder: Encoder, batches: Sequence[Any]) -> list[tuple[Hessian, Hessian]]:
    size, device = encoder.config.head_width, encoder.device
    found = [(Hessian(h * size, device), Hessian(n, device)) for h, n in zip(*sizes(encoder), strict=True)]
    for batch in batches:
        seen = encoder.trace(Padded.of(batch.packed))
        for (of_heads, of_neurons), context, intermediate in zip(found, seen.context, seen.intermediate, strict=True):
            for hessian, inputs in ((of_heads, context), (of_neurons, intermediate)):
                if hessian.total.numel():
                    hessian.add(seen.packed(inputs).float())
    return found


def _pruned(number: int, is_attention: bool, encoder: Encoder, hessian: Hessian) -> Half:
    size = encoder.config.head_width if is_attention else 1
    half = Half(number, is_attention, size, [])
    weight: Tensor = half.output(encoder).weight.detach()
    levels = levels_of(weight.shape[1] // size, is_attention)
    found = remove_structures(weight, hessian.mean, size, levels)
    half.snapshots.extend(each._replace(weight=each.weight.float()) for each in found)
    return half
