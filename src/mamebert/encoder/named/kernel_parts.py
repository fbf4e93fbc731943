"""What kernels read of an encoder: its weights by their names, those of modules or those of a file."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from mamebert.encoder.alibi import slopes
from mamebert.encoder.named.angles import angles
from mamebert.encoder.named.parameters import Shapes, parameter_shapes
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.native import Array
from mamebert.kernels.packed_encoder import PackedEncoder
from mamebert.kernels.packed_parts import ACTIVATIONS, DenseParts, EmbeddingParts, LayerParts, StepParts
from mamebert.kernels.ready_weights import Precision, ReadyWeight

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, Union["Tensor", Array, ReadyWeight]]
"""By the names that an `Encoder` gives them; those of dense layers made ready, or laid out."""
SEGMENTS = 2
"""How many segments a batch tells apart."""
MOST_TWICE = 100_000_000
"""Numbers of weights that are kept a second time, as kernels read them: all those of BERT-base, 0.4 GB."""
TABLE = "cls.predictions.decoder.weight"
"""The table that scores words, be it that of the embeddings or not."""
WIDENS = "embeddings.projection.weight"
"""The weight of the layer that widens a narrow table."""


def dense_weights(config: EncoderConfig) -> Shapes:
    """Return the shapes of the weights of all dense layers in the stack, by name; empty ones are none."""
    shapes = parameter_shapes(config, 1).items()
    return {name: shape for name, shape in shapes if name.startswith("encoder.") and len(shape) == 2 and all(shape)}


def is_kept_twice(num_weights: int, precision: Precision) -> bool:
    """Tell whether weights are laid out; in float32, where no number would be another, those of large ones are not."""
    return precision != "float32" or num_weights <= MOST_TWICE


def packed_encoder(config: EncoderConfig, weights: Weights) -> PackedEncoder | None:
    """Return an encoder without a bottleneck as the kernel reads it; None where it does not read such a one."""
    parts = _Parts(config, weights)
    layers = [parts.layer(number) for number in range(config.num_hidden_layers)]
    return PackedEncoder.of(parts.embeddings(), layers, config.head_width, config.layer_norm_eps)


def pooler_step(config: EncoderConfig, weights: Weights) -> StepParts:
    """Return the pooler, or the prediction head that stands in its place."""
    dense = dense_parts("pooler.dense", weights)
    if not config.has_prediction_head:
        return StepParts(dense, config.pooler_act)
    bends = config.pooler_act if config.pooler_act in ACTIVATIONS else "tanh"
    return StepParts(dense, bends, _norm_parts("pooler.LayerNorm", weights))


def word_steps(config: EncoderConfig, encoder: Weights, head: Weights) -> list[StepParts]:
    """Return the head that scores the words of a vocabulary: its dense layer, or the prediction head, and the table."""
    transform = "cls.predictions.transform."
    first = (
        pooler_step(config, encoder)
        if config.has_prediction_head
        else StepParts(
            dense_parts(f"{transform}dense", head), config.hidden_act, _norm_parts(f"{transform}LayerNorm", head)
        )
    )
    return [first, StepParts(DenseParts(head[TABLE], _bias("cls.predictions", head, config.hidden_size)))]


def word_shapes(config: EncoderConfig, vocab_size: int) -> Shapes:
    """Return the shapes of what that head has beside the encoder and its table."""
    width, name = config.embedding_width, "cls.predictions."
    transform: Shapes = {
        f"{name}transform.dense.weight": (width, config.hidden_size),
        **{f"{name}transform.{each}": (width,) for each in ("dense.bias", "LayerNorm.weight", "LayerNorm.bias")},
    }
    return {**({} if config.has_prediction_head else transform), f"{name}bias": (vocab_size,)}


def dense_parts(name: str, weights: Weights) -> DenseParts:
    """Return a dense layer; biases that it lacks are zeros, for kernels add some."""
    weight: Any = weights[f"{name}.weight"]
    width = weight.shape[0] if hasattr(weight, "shape") else weight.out_features
    return DenseParts(weight, _bias(name, weights, width))


def _norm_parts(name: str, weights: Weights) -> DenseParts:
    weight: Any = weights[f"{name}.weight"]
    return DenseParts(weight, _bias(name, weights, len(weight)))


def _bias(name: str, weights: Weights, width: int) -> Any:
    bias = weights.get(f"{name}.bias")
    return np.zeros(width, np.float32) if bias is None else bias


class _Parts:
    def __init__(self, config: EncoderConfig, weights: Weights) -> None:
        self.config, self.weights = config, weights
        self.owners = list(zip(config.attention_owners, config.ffn_owners, strict=True))

    def embeddings(self) -> EmbeddingParts:
        config, name = self.config, "embeddings"
        tables: Mapping[str, Any] = self.weights
        return EmbeddingParts(
            tables[f"{name}.word_embeddings.weight"],
            tables.get(f"{name}.position_embeddings.weight"),
            tables.get(f"{name}.token_type_embeddings.weight"),
            config.max_position_embeddings,
            config.type_vocab_size or SEGMENTS,
            self.norm(f"{name}.LayerNorm"),
            self.dense(f"{name}.projection") if config.embedding_size else None,
        )

    def layer(self, number: int) -> LayerParts:
        config, (first, second) = self.config, self.owners[number]
        attention, ffn = f"encoder.layer.{first}.attention.", f"encoder.layer.{second}."
        heads, is_turned = config.heads_by_layer[first], config.positions == "rotary"
        about = config.rope_theta(number), config.head_width, config.max_position_embeddings
        dense = (
            *(f"{attention}{each}" for each in ("self.query", "self.key", "self.value", "output.dense")),
            *(f"{ffn}{each}" for each in ("intermediate.dense", "output.dense")),
        )
        return LayerParts(
            tuple(map(self.dense, dense)),
            self.norms(number, attention, ffn),
            heads,
            self.dense(f"{ffn}intermediate.gate") if config.ffn == "gated" else None,
            config.hidden_act,
            config.window(number),
            np.array(slopes(heads), np.float32) if config.positions == "alibi" else None,
            angles(*about) if is_turned and heads else None,
        )

    def norms(self, number: int, attention: str, ffn: str) -> tuple[DenseParts | None, ...]:
        """Return what stands before attention, behind it, before the feed-forward block, and behind that."""
        if self.config.norm_place == "post":
            return None, self.norm(f"{attention}output.LayerNorm"), None, self.norm(f"{ffn}output.LayerNorm")
        before = self.norm(f"{attention}LayerNorm") if number else None
        is_last = number == self.config.num_hidden_layers - 1
        end = self.norm("encoder.LayerNorm") if is_last else None
        return before, None, self.norm(f"{ffn}intermediate.LayerNorm"), end

    def dense(self, name: str) -> DenseParts:
        return dense_parts(name, self.weights)

    def norm(self, name: str) -> DenseParts:
        return _norm_parts(name, self.weights)
