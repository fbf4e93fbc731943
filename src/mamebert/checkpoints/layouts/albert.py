"""ALBERT (Lan et al., 2020): layers that share weights, and a narrow token table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from mamebert.checkpoints.layouts import BASIC, CLASSES, Layout, S, regular_fields
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

GROUP = "albert.encoder.albert_layer_groups.{}.albert_layers.0."
LAYER = "bert.encoder.layer.{}."
PROJECTION = "albert.encoder.embedding_hidden_mapping_in."
HAS_PROJECTION = "embedding_projection"
"""Said false in our config.json where the network has none, and so an identity stands in its place."""


class Albert(Layout):
    """`AlbertForMaskedLM` and its like."""

    prefix: ClassVar[str] = "Albert"
    base: ClassVar[str] = "albert."
    classes: ClassVar[frozenset[str]] = CLASSES | {"ForPreTraining"}
    pretraining: ClassVar[str] = "ForPreTraining"
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("bert.embeddings.projection.", PROJECTION),
        ("bert.embeddings.", "albert.embeddings."),
        (f"{LAYER}attention.output.LayerNorm.", f"{GROUP}attention.LayerNorm."),
        (f"{LAYER}attention.output.dense.", f"{GROUP}attention.dense."),
        (f"{LAYER}attention.self.", f"{GROUP}attention."),
        (f"{LAYER}intermediate.dense.", f"{GROUP}ffn."),
        (f"{LAYER}output.dense.", f"{GROUP}ffn_output."),
        (f"{LAYER}output.LayerNorm.", f"{GROUP}full_layer_layer_norm."),
        ("bert.pooler.dense.", "albert.pooler."),
        ("cls.predictions.transform.dense.", "predictions.dense."),
        ("cls.predictions.transform.LayerNorm.", "predictions.LayerNorm."),
        ("cls.predictions.", "predictions."),
        ("cls.seq_relationship.", "sop_classifier.classifier."),
    )

    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether whole layers are shared."""
        shares = shape.shared in ("all", "groups")
        return shape.is_regular and shares and shape.type_vocab_size > 0 and shape.pooler_act == "tanh"

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings; what an old config.json leaves out is as ALBERT has it."""
        if config.get("inner_group_num", 1) != 1:
            raise UserError("inner_group_num is not 1, and groups of several layers are not known. Give another model.")
        groups = config.get("num_hidden_groups") or 1
        narrow = config.get(HAS_PROJECTION, True)
        return {
            **{name: config.get(name) for name in BASIC},
            "hidden_act": config.get("hidden_act", "gelu_new"),
            "embedding_size": config.get("embedding_size", 128) if narrow else 0,
            "shared": "all" if groups == 1 else "groups",
            "num_hidden_groups": groups,
        }

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings."""
        narrow = {} if shape.embedding_size else {HAS_PROJECTION: False}
        return {
            **regular_fields(shape),
            "embedding_size": shape.embedding_width,
            "num_hidden_groups": shape.num_hidden_groups,
            "inner_group_num": 1,
            "classifier_dropout_prob": shape.hidden_dropout_prob,
            **narrow,
        }

    def theirs(self, tensors: Mapping[str, "Tensor"], shape: EncoderConfig, architecture: str) -> "dict[str, Tensor]":
        """Return the tensors, each group's once."""
        size = shape.num_hidden_layers // shape.num_hidden_groups
        groups = {LAYER.format(group * size): LAYER.format(group) for group in range(shape.num_hidden_groups)}
        found = {str(self.place(_moved(name, groups), architecture)): tensor for name, tensor in tensors.items()}
        if not shape.embedding_size:
            from torch import eye

            table = found["albert.embeddings.word_embeddings.weight"]
            found[f"{PROJECTION}weight"] = eye(shape.hidden_size).to(table)
            found[f"{PROJECTION}bias"] = table.new_zeros(shape.hidden_size)
        return found

    def ours(self, tensors: Mapping[str, S], shape: EncoderConfig, architecture: str = "") -> dict[str, S]:
        """Return the tensors, a group's as those of its first layer."""
        size = shape.num_hidden_layers // shape.num_hidden_groups
        layers = {LAYER.format(group): LAYER.format(group * size) for group in range(shape.num_hidden_groups)}
        return {_moved(name, layers): tensor for name, tensor in super().ours(tensors, shape, architecture).items()}


def _moved(name: str, numbers: Mapping[str, str]) -> str:
    begin = next((begin for begin in numbers if name.startswith(begin)), None)
    return name if begin is None else numbers[begin] + name.removeprefix(begin)
