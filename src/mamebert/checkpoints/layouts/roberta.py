"""RoBERTa (Liu et al., 2019): no segments, no question about pairs, positions from behind that of the padding.

Such a table has a row for the padding and all rows before it, which no token has. Here it begins with the first
token's, as BERT's; the rows before are zeros in what is written, as transformers leaves them, and passed over in what
is read. XLM-RoBERTa (Conneau et al., 2020) and CamemBERT (Martin et al., 2020) are the same in other vocabularies.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from mamebert.checkpoints.layouts import BASIC, POSITIONS, Layout, regular_fields
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

POOLED = ("Model", "ForMultipleChoice")
"""Classes with a pooler; the one for labels of texts has one in its head, and others none."""


class Roberta(Layout):
    """`RobertaForMaskedLM` and its like."""

    prefix: ClassVar[str] = "Roberta"
    base: ClassVar[str] = "roberta."
    head: ClassVar[str] = "task"
    also: ClassVar[Mapping[str, str]] = MappingProxyType({"xlm-roberta": "XLMRoberta", "camembert": "Camembert"})
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("bert.pooler.dense.", "classifier.dense."),
        ("classifier.", "classifier.out_proj."),
        ("bert.", "roberta."),
        ("cls.predictions.transform.dense.", "lm_head.dense."),
        ("cls.predictions.transform.LayerNorm.", "lm_head.layer_norm."),
        ("cls.predictions.bias", "lm_head.bias"),
        ("cls.predictions.decoder.", "lm_head.decoder."),
    )
    unsaid: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "attention_probs_dropout_prob": 0.1,
            "max_position_embeddings": 510,
            "pad_token_id": 1,
        }
    )

    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether there is one segment, and layers of their own that are alike."""
        plain = shape.is_regular and shape.shared in ("none", "attention", "ffn") and not shape.embedding_size
        return plain and shape.type_vocab_size == 1 and shape.pooler_act == "tanh" and shape.hidden_act == "gelu"

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings, positions without the rows before the first token's."""
        if config.get("hidden_act", "gelu") not in ("gelu", "gelu_python"):
            raise UserError(
                f"hidden_act is {config['hidden_act']!r}, and its head of words has gelu whatever that says; only "
                "encoders with gelu throughout are known. Give another model."
            )
        known = {name: config.get(name) for name in (*BASIC, "hidden_act")}
        padding = 1 if known["pad_token_id"] is None else known["pad_token_id"]
        rows = known["max_position_embeddings"]
        if isinstance(padding, int) and isinstance(rows, int) and not isinstance(rows, bool):
            known["max_position_embeddings"] = rows - padding - 1
        return {**known, "head": "task", "pooler_act": "tanh"}

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings; the special tokens' ids are the tokenizer's to tell."""
        rows = shape.max_position_embeddings + self.num_first_rows(shape)
        others = dict.fromkeys(("bos_token_id", "eos_token_id", "classifier_dropout"))
        return {**regular_fields(shape), "max_position_embeddings": rows, **others}

    def num_first_rows(self, shape: EncoderConfig) -> int:
        """Return the rows of the padding and of what is before it."""
        return shape.pad_token_id + 1

    def place(self, name: str, architecture: str) -> str | None:
        """Return the name; what stands before the labels of a text is a pooler elsewhere."""
        about_texts = architecture.endswith("SequenceClassification")
        if name.startswith("bert.pooler.") and not about_texts:
            return name.replace("bert.", self.base, 1) if architecture.endswith(POOLED) else None
        if name.startswith("classifier.") and not about_texts:
            return name
        return super().place(name, architecture)

    def theirs(self, tensors: Mapping[str, "Tensor"], shape: EncoderConfig, architecture: str) -> "dict[str, Tensor]":
        """Return the tensors, with zeros before the first token's position."""
        from torch import cat

        found = super().theirs(tensors, shape, architecture)
        table = self.base + POSITIONS
        before = found[table].new_zeros(self.num_first_rows(shape), shape.hidden_size)
        return {**found, table: cat([before, found[table]])}
