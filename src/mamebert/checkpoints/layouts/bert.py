"""BERT (Devlin et al., 2019): the names are ours."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from mamebert.checkpoints.layouts import BASIC, CLASSES, DECODER, LEFT_TO_RIGHT, Layout, S, regular_fields
from mamebert.encoder.settings import EncoderConfig

if TYPE_CHECKING:
    from torch import Tensor

TYPES = "bert.embeddings.token_type_embeddings.weight"
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}  # Google's own, before 2019


class Bert(Layout):
    """`BertForMaskedLM` and its like."""

    prefix: ClassVar[str] = "Bert"
    base: ClassVar[str] = "bert."
    classes: ClassVar[frozenset[str]] = CLASSES | {"ForPreTraining", DECODER}
    pretraining: ClassVar[str] = "ForPreTraining"
    unsaid: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "attention_probs_dropout_prob": 0.1,
            "max_position_embeddings": 512,
        }
    )

    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether token vectors are as wide as all others and a layer's weights can be written by themselves."""
        own_layers = shape.shared in ("none", "attention", "ffn")
        return shape.is_regular and own_layers and not shape.embedding_size and shape.pooler_act == "tanh"

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings, whose names are the same."""
        return {name: config.get(name) for name in (*BASIC, "hidden_act")}

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings; a BERT has segments, if only empty ones."""
        fields = regular_fields(shape)
        decodes = {"is_decoder": True, LEFT_TO_RIGHT: True} if shape.is_decoder else {}
        return {**fields, "type_vocab_size": shape.type_vocab_size or 2, "classifier_dropout": None, **decodes}

    def theirs(self, tensors: Mapping[str, "Tensor"], shape: EncoderConfig, architecture: str) -> "dict[str, Tensor]":
        """Return the tensors, with segments that add nothing where a network has none."""
        found = super().theirs(tensors, shape, architecture)
        if not shape.type_vocab_size:
            width = tensors["bert.embeddings.word_embeddings.weight"].shape[1]
            found[TYPES] = tensors["bert.embeddings.word_embeddings.weight"].new_zeros(2, width)
        return found

    def ours(self, tensors: Mapping[str, S], shape: EncoderConfig, architecture: str = "") -> dict[str, S]:
        """Return the tensors, those with the names of old too."""
        found = super().ours(tensors, shape, architecture)
        for old, new in OLD_NAMES.items():
            found = {name.replace(old, new): tensor for name, tensor in found.items()}
        return found
