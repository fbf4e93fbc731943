"""MobileBERT (Sun et al., 2020): narrow layers within a wide body."""

from typing import Any, ClassVar

from mamebert.checkpoints.layouts import BASIC, CLASSES, Layout, regular_fields
from mamebert.encoder.mobilebert.settings import Bottleneck
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

UNSAID: dict[str, Any] = {
    "hidden_size": 512,
    "num_hidden_layers": 24,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "hidden_act": "relu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "embedding_size": 128,
}
"""What a config.json means that leaves these out: the released MobileBERT's shape."""


class MobileBert(Layout):
    """`MobileBertForMaskedLM` and its like."""

    prefix: ClassVar[str] = "MobileBert"
    base: ClassVar[str] = "mobilebert."
    classes: ClassVar[frozenset[str]] = CLASSES | {"ForPreTraining"}
    pretraining: ClassVar[str] = "ForPreTraining"
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (("bert.", "mobilebert."),)

    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether there are bottlenecks, and queries and keys as wide as they are.

        The plain classes cannot make queries of the body (the teacher IB-BERT does), unless it is just as wide.
        """
        inside = shape.bottleneck
        if not inside:
            return False
        narrowed = inside.key_query_shared_bottleneck or inside.use_bottleneck_attention
        return narrowed or inside.intra_bottleneck_size == shape.hidden_size

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings; what a config.json leaves out is as in the released model."""
        if not config.get("use_bottleneck", True):
            raise UserError("use_bottleneck is false, and a MobileBERT without bottlenecks is not known. Give another.")
        names = (*BASIC, "hidden_act", "embedding_size")
        told = {name: value for name in names if (value := config.get(name, UNSAID.get(name))) is not None}
        return {**told, "bottleneck": {name: config[name] for name in Bottleneck.model_fields if name in config}}

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings."""
        assert shape.bottleneck
        return {
            **regular_fields(shape),
            "embedding_size": shape.embedding_width,
            "use_bottleneck": True,
            **shape.bottleneck.model_dump(),
            "classifier_dropout": None,
        }
