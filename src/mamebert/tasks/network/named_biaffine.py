"""The biaffine scorer of `tasks/network/biaffine.py` by the names of its weights, in arrays, for answers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mamebert.encoder.named.kernel_parts import Weights, dense_parts
from mamebert.encoder.named.parameters import Shapes
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.packed_encoder import Ints, PackedHead
from mamebert.kernels.packed_parts import StepParts
from mamebert.kernels.ready_weights import Floats, floats_of
from mamebert.tasks.data.features import Laid
from mamebert.tasks.network.named_heads import of_rows

SLOPE = 0.1
"""Of what is below 0, behind the layers that words go through."""
LAYERS = ("arc_dependent", "arc_head", "label_dependent", "label_head")


class Tree(NamedTuple):
    """What is known of a sentence before its tree is chosen; word 0 is the root, the others count from 1."""

    arcs: Floats
    """[words, words]: how well the word of the last axis is the head of the one before it."""
    dependents: Floats
    """[words, label_size + 1]: those that depend, behind each a 1."""
    heads: Floats
    """[words, label_size + 1]: those on which others depend."""
    relations: Floats
    """[labels, label_size + 1, label_size + 1]."""

    def labels(self, heads: Ints) -> Floats:
        """Return [words but the root, labels]: how well each relation fits between the words and these heads."""
        number, depth, width = self.relations.shape
        turned = self.dependents[1:] @ self.relations.transpose(1, 0, 2).reshape(depth, -1)
        return np.asarray((turned.reshape(-1, number, width) * self.heads[heads][:, None]).sum(-1))


class BiaffineNames(NamedTuple):
    """Four layers that words go through, and the matrices of arcs and relations."""

    arc_size: int
    label_size: int
    num_labels: int

    def dense(self, is_pooled: bool) -> list[str]:
        """Return the names of the weights of its dense layers."""
        return [f"{layer}.0.weight" for layer in LAYERS]

    def shapes(self, config: EncoderConfig, width: int, is_pooled: bool) -> Shapes:
        """Return the shapes of its parameters, by their names."""
        found: Shapes = {}
        for layer, size in zip(LAYERS, [self.arc_size] * 2 + [self.label_size] * 2, strict=True):
            found |= {f"{layer}.0.weight": (size, width), f"{layer}.0.bias": (size,)}
        square = (self.label_size + 1,) * 2
        return {**found, "arc": (self.arc_size + 1, self.arc_size), "relation": (self.num_labels, *square)}

    def ready(self, config: EncoderConfig, width: int, is_pooled: bool, weights: Weights) -> "ReadyBiaffine | None":
        """Return the scorer as kernels and arrays read it."""
        parts = [StepParts(dense_parts(f"{layer}.0", weights)) for layer in LAYERS]
        layers = [found for each in parts if (found := PackedHead.of([each], width, config.layer_norm_eps))]
        matrices: Mapping[str, Any] = weights
        arc, relation = floats_of(matrices["arc"]), floats_of(matrices["relation"])
        if len(layers) < len(LAYERS) or arc is None or relation is None:
            return None
        return ReadyBiaffine(layers, arc, relation)


class ReadyBiaffine(NamedTuple):
    """Scores of trees, of each sentence by itself."""

    layers: Sequence[PackedHead]
    arc: Floats
    relation: Floats

    def __call__(self, reads: Floats, laid: Laid) -> list[Tree]:
        """Return what is known of each sentence; of its reads [reads, width] the first is the root."""
        sizes = [[1, *each.notes.sizes] for each in laid.features]
        words = _means(reads, [size for each in sizes for size in each])
        each_layer = [_bent(of_rows(layer, words)) for layer in self.layers]
        ends = np.cumsum([len(each) for each in sizes])[:-1]
        return [self._tree(*parts) for parts in zip(*(np.split(rows, ends) for rows in each_layer), strict=True)]

    def _tree(self, dependents: Floats, heads: Floats, of_label: Floats, at_label: Floats) -> Tree:
        arcs = np.asarray(_with_one(dependents) @ self.arc @ heads.T, np.float32)
        np.fill_diagonal(arcs, -np.inf)
        return Tree(arcs, _with_one(of_label), _with_one(at_label), self.relation)


def _means(reads: Floats, sizes: Sequence[int]) -> Floats:
    """Return one row for each root and each word: the mean of what is read of it."""
    if len(sizes) == len(reads):
        return reads
    parts = np.split(reads, np.cumsum(sizes)[:-1])
    return np.stack([np.add.reduce(part) / np.float32(len(part)) for part in parts])


def _bent(rows: Floats) -> Floats:
    return np.asarray(np.maximum(rows, np.float32(SLOPE) * rows))


def _with_one(rows: Floats) -> Floats:
    return np.concatenate([rows, np.ones_like(rows[:, :1])], 1)
