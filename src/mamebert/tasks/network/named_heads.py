"""Heads by the names of their weights: what kernels read of them, and what they answer, without modules."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from mamebert.checkpoints.laid_out import ENCODER, within
from mamebert.checkpoints.sentence_transformers import Dense, PoolingMode
from mamebert.encoder.named.kernel_parts import Weights, dense_parts, pooler_step
from mamebert.encoder.named.parameters import Shapes, parameter_shapes
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.native import kernels
from mamebert.kernels.packed_encoder import PackedHead
from mamebert.kernels.packed_parts import DenseParts, StepParts
from mamebert.kernels.ready_weights import Floats
from mamebert.tasks.data.features import Laid
from mamebert.tasks.data.text_vectors import Found, compared, pooled, to_unit_length

HEAD = "head."
"""How the names of a head's parameters begin in a `TaskNetwork`; in files, and here, they begin without."""


class ReadyHead(Protocol):
    """What a head makes of what is read of an encoder."""

    def __call__(self, reads: Floats, laid: Laid) -> Any:
        """Return what the module gives, in arrays, of reads [reads, width] in the order of the examples."""


class NamedHead(Protocol):
    """A head, as its settings tell it."""

    def dense(self, is_pooled: bool) -> list[str]:
        """Return the names of the weights of its dense layers."""

    def shapes(self, config: EncoderConfig, width: int, is_pooled: bool) -> Shapes:
        """Return the shapes of its parameters, by their names, where it gets rows of `width` of an encoder."""

    def ready(self, config: EncoderConfig, width: int, is_pooled: bool, weights: Weights) -> ReadyHead | None:
        """Return the head as kernels read it, of weights that were laid out; None where they do not know such a one.

        `is_pooled` says whether the pooler, or the prediction head, of the encoder comes first.
        """


class LinearHeadNames(NamedTuple):
    """A linear layer, over the pooler or the prediction head of the encoder or over what is read."""

    layer: str
    outputs: int

    def dense(self, is_pooled: bool) -> list[str]:
        """Return the names of the weights of its dense layers."""
        return [*([f"{ENCODER}pooler.dense.weight"] if is_pooled else []), f"{self.layer}.weight"]

    def shapes(self, config: EncoderConfig, width: int, is_pooled: bool) -> Shapes:
        """Return the shapes of its parameters, by their names."""
        every = parameter_shapes(config, 1).items() if is_pooled else ()
        pooler = {f"{ENCODER}{name}": shape for name, shape in every if name.startswith("pooler.")}
        return {**pooler, f"{self.layer}.weight": (self.outputs, width), f"{self.layer}.bias": (self.outputs,)}

    def ready(self, config: EncoderConfig, width: int, is_pooled: bool, weights: Weights) -> "ReadyLinear | None":
        """Return the layers as kernels read them."""
        pooler = [pooler_step(config, within(weights))] if is_pooled else []
        steps = [*pooler, StepParts(dense_parts(self.layer, weights))]
        found = PackedHead.of(steps, width, config.layer_norm_eps)
        return ReadyLinear(found) if found else None


class ReadyLinear(NamedTuple):
    """Dense layers one after the other over each row."""

    steps: PackedHead

    def __call__(self, reads: Floats, laid: Laid) -> Floats:
        """Return [reads, outputs]."""
        return of_rows(self.steps, reads)


class JoinedHeadNames(NamedTuple):
    """The same over one row for each example, made of those of its sequences."""

    linear: LinearHeadNames
    how: PoolingMode

    def dense(self, is_pooled: bool) -> list[str]:
        """Return the names of the weights of its dense layers."""
        return self.linear.dense(is_pooled)

    def shapes(self, config: EncoderConfig, width: int, is_pooled: bool) -> Shapes:
        """Return the shapes of its parameters, by their names."""
        return self.linear.shapes(config, width, is_pooled)

    def ready(self, config: EncoderConfig, width: int, is_pooled: bool, weights: Weights) -> "ReadyJoined | None":
        """Return the layers as kernels read them."""
        steps = [pooler_step(config, within(weights))] if is_pooled else []
        pooler = PackedHead.of(steps, width, config.layer_norm_eps) if steps else None
        layer = self.linear.ready(config, width, False, weights)
        return None if layer is None or (steps and not pooler) else ReadyJoined(pooler, self.how, layer)


class ReadyJoined(NamedTuple):
    """A pooler over each row, and a linear layer over what is made of those of an example."""

    pooler: PackedHead | None
    how: PoolingMode
    layer: ReadyLinear

    def __call__(self, reads: Floats, laid: Laid) -> Floats:
        """Return [examples, outputs]."""
        rows = of_rows(self.pooler, reads) if self.pooler else reads
        return self.layer(pooled(rows, laid.counts, [self.how]), laid)


class VectorHeadNames(NamedTuple):
    """Pooling, linear layers and the length 1; and for labelled pairs of texts a linear layer over both vectors."""

    pooling: Sequence[PoolingMode]
    layers: Sequence[Dense]
    begin: str
    """How the names of the linear layers' parameters begin."""
    normalize: bool
    num_labels: int

    def dense(self, is_pooled: bool) -> list[str]:
        """Return the names of the weights of its dense layers."""
        names = [f"{self.begin}{number}.linear.weight" for number in range(len(self.layers))]
        return [*names, *(["classifier.weight"] if self.num_labels else [])]

    def shapes(self, config: EncoderConfig, width: int, is_pooled: bool) -> Shapes:
        """Return the shapes of its parameters, by their names."""
        found: Shapes = {}
        size = width * len(self.pooling)
        for number, each in enumerate(self.layers):
            found[f"{self.begin}{number}.linear.weight"] = each.out_features, size
            if each.bias:
                found[f"{self.begin}{number}.linear.bias"] = (each.out_features,)
            size = each.out_features
        return found | ({"classifier.weight": (self.num_labels, 3 * size)} if self.num_labels else {})

    def ready(self, config: EncoderConfig, width: int, is_pooled: bool, weights: Weights) -> "ReadyVectors | None":
        """Return how vectors are made."""
        size = self.layers[-1].out_features if self.layers else width * len(self.pooling)
        steps = [
            StepParts(dense_parts(f"{self.begin}{number}.linear", weights), _BENT.get(each.activation, each.activation))
            for number, each in enumerate(self.layers)
        ]
        layers = PackedHead.of(steps, width * len(self.pooling), 0.0) if steps else None
        classifier = None
        if self.num_labels:
            classifier = PackedHead.of([StepParts(dense_parts("classifier", weights))], 3 * size, 0.0)
        if (steps and not layers) or (self.num_labels and not classifier):
            return None
        return ReadyVectors(self.pooling, layers, self.normalize, classifier)


class ReadyVectors(NamedTuple):
    """A vector for each text, and for labelled pairs the scores of labels."""

    pooling: Sequence[PoolingMode]
    layers: PackedHead | None
    normalize: bool
    classifier: PackedHead | None

    def __call__(self, reads: Floats, laid: Laid) -> Found:
        """Return what `SiameseHead` does, of the vectors of tokens [reads, width]."""
        vectors = pooled(reads, laid.sequence_sizes, self.pooling)
        if self.layers:
            vectors = of_rows(self.layers, vectors)
        if self.normalize:
            vectors = to_unit_length(vectors)
        if not self.classifier:
            return Found(vectors, None)
        numbers = np.array(laid.num_sequences)
        first = (np.cumsum(numbers) - numbers)[numbers == 2]
        return Found(vectors, of_rows(self.classifier, compared(vectors[first], vectors[first + 1])))


_BENT: Mapping[str, str] = {"identity": "none"}
"""What kernels call an activation; of one that they do not know none is made."""


class PathHeadNames(NamedTuple):
    """The mean of a text's tokens, a linear layer, and cosines with vectors that do not learn."""

    num_paths: int

    def dense(self, is_pooled: bool) -> list[str]:
        """Return the names of the weights of its dense layers."""
        return ["dense.weight", "paths"]

    def shapes(self, config: EncoderConfig, width: int, is_pooled: bool) -> Shapes:
        """Return the shapes of its parameters, and of the vectors, by their names."""
        size = config.hidden_size
        return {"dense.weight": (size, width), "dense.bias": (size,), "paths": (self.num_paths, size)}

    def ready(self, config: EncoderConfig, width: int, is_pooled: bool, weights: Weights) -> "ReadyPaths | None":
        """Return both as kernels read them."""
        nothing = np.zeros(self.num_paths, np.float32)
        steps = StepParts(dense_parts("dense", weights)), StepParts(DenseParts(weights["paths"], nothing))
        dense, paths = (
            PackedHead.of([each], size, 0.0) for each, size in zip(steps, (width, config.hidden_size), strict=True)
        )
        return ReadyPaths(dense, paths) if dense and paths else None


class ReadyPaths(NamedTuple):
    """Cosines of texts and paths."""

    layer: PackedHead
    paths: PackedHead

    def __call__(self, reads: Floats, laid: Laid) -> Floats:
        """Return [examples, paths], of the vectors of tokens [reads, width]."""
        texts = of_rows(self.layer, pooled(reads, laid.sequence_sizes, ["mean"]))
        return of_rows(self.paths, to_unit_length(texts))


def of_rows(steps: PackedHead, rows: Floats) -> Floats:
    """Return what steps make of rows, [rows, outputs]."""
    library = kernels()
    assert library is not None
    return steps.of_rows(library, rows)
