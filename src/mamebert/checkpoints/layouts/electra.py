"""ELECTRA (Clark et al., 2020), as an encoder: a narrow token table under layers of their own."""

from typing import Any, ClassVar

from mamebert.checkpoints.layouts import BASIC, Layout, regular_fields
from mamebert.encoder.settings import EncoderConfig

TEXT_HEAD = {"bert.pooler.dense.": "classifier.dense.", "classifier.": "classifier.out_proj."}
CHOICE_HEAD = {"bert.pooler.dense.": "sequence_summary.summary."}
"""Heads over texts, which have a pooler of their own."""
DISCRIMINATOR = "BertDiscriminator"
"""What is asked for where a class is wanted that tells which tokens were replaced."""


class Electra(Layout):
    """`ElectraForMaskedLM` (a generator) and `ElectraModel` and its like (a discriminator)."""

    prefix: ClassVar[str] = "Electra"
    base: ClassVar[str] = "electra."
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("bert.embeddings.projection.", "electra.embeddings_project."),
        ("bert.pooler.dense.", "classifier.dense."),
        ("bert.pooler.dense.", "sequence_summary.summary."),
        ("bert.", "electra."),
        ("classifier.", "classifier.out_proj."),
        ("cls.predictions.transform.", "generator_predictions."),
        ("cls.predictions.bias", "generator_lm_head.bias"),
        ("cls.predictions.decoder.", "generator_lm_head."),
    )

    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether the token table is narrower, or the pooler that of its classification head."""
        projects = shape.embedding_size != shape.hidden_size
        bends = shape.hidden_act == "gelu" and shape.pooler_act == "gelu"
        return shape.is_regular and projects and bends and shape.type_vocab_size > 0

    def architecture(self, bert: str) -> str:
        """Return the class for what BERT has this class for; a discriminator's, which BERT has none for, too."""
        return "ElectraForPreTraining" if bert == DISCRIMINATOR else super().architecture(bert)

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings."""
        width = config.get("embedding_size", 128)
        narrow = width != config.get("hidden_size", 256)
        known = {name: config.get(name) for name in (*BASIC, "hidden_act")}
        return {**known, "embedding_size": width if narrow else 0, "pooler_act": "gelu"}

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings."""
        return {
            **regular_fields(shape),
            "embedding_size": shape.embedding_width,
            "summary_type": "first",
            "summary_use_proj": True,
            "summary_activation": "gelu",
            "classifier_dropout": None,
        }

    def place(self, name: str, architecture: str) -> str | None:
        """Return the name; each head over texts has its own for what BERT keeps in the pooler."""
        if name.startswith("cls.seq_relationship.") or name == "cls.predictions.decoder.bias":
            return None
        head = {"SequenceClassification": TEXT_HEAD, "MultipleChoice": CHOICE_HEAD}
        own = head.get(architecture.removeprefix("ElectraFor"), {})
        for ours, theirs in own.items():
            if name.startswith(ours):
                return theirs + name.removeprefix(ours)
        if name.startswith("bert.pooler."):
            return None
        return name if name.startswith("classifier.") else super().place(name, architecture)
