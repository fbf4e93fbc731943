"""DistilBERT (Sanh et al., 2019): no segments, no pooler, no question about pairs."""

from typing import Any, ClassVar

from mamebert.checkpoints.layouts import Layout, regular_fields
from mamebert.encoder.settings import EncoderConfig

OURS, THEIRS = "bert.encoder.layer.{}.", "distilbert.transformer.layer.{}."
EPS = 1e-12
FIELDS = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "hidden_act": "activation",
    "max_position_embeddings": "max_position_embeddings",
    "pad_token_id": "pad_token_id",
    "initializer_range": "initializer_range",
}
POOLED = ("SequenceClassification", "MultipleChoice")


class Distilbert(Layout):
    """`DistilBertForMaskedLM` and its like."""

    prefix: ClassVar[str] = "DistilBert"
    base: ClassVar[str] = "distilbert."
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("bert.embeddings.", "distilbert.embeddings."),
        (f"{OURS}attention.self.query.", f"{THEIRS}attention.q_lin."),
        (f"{OURS}attention.self.key.", f"{THEIRS}attention.k_lin."),
        (f"{OURS}attention.self.value.", f"{THEIRS}attention.v_lin."),
        (f"{OURS}attention.output.dense.", f"{THEIRS}attention.out_lin."),
        (f"{OURS}attention.output.LayerNorm.", f"{THEIRS}sa_layer_norm."),
        (f"{OURS}intermediate.dense.", f"{THEIRS}ffn.lin1."),
        (f"{OURS}output.dense.", f"{THEIRS}ffn.lin2."),
        (f"{OURS}output.LayerNorm.", f"{THEIRS}output_layer_norm."),
        ("bert.pooler.dense.", "pre_classifier."),
        ("cls.predictions.transform.dense.", "vocab_transform."),
        ("cls.predictions.transform.LayerNorm.", "vocab_layer_norm."),
        ("cls.predictions.bias", "vocab_projector.bias"),
        ("cls.predictions.decoder.", "vocab_projector."),
    )

    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether there are no segments and a pooler as in its classification head."""
        alike = shape.is_regular and not shape.embedding_size and shape.layer_norm_eps == EPS
        return alike and shape.type_vocab_size == 0 and shape.pooler_act == "relu"

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings."""
        known = {name: config.get(theirs) for name, theirs in FIELDS.items()}
        return {**known, "type_vocab_size": 0, "pooler_act": "relu", "layer_norm_eps": EPS}

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings."""
        fields = regular_fields(shape)
        dropout = dict.fromkeys(("qa_dropout", "seq_classif_dropout"), shape.hidden_dropout_prob)
        return {**{theirs: fields[name] for name, theirs in FIELDS.items()}, **dropout, "sinusoidal_pos_embds": False}

    def place(self, name: str, architecture: str) -> str | None:
        """Return the name; only a head over texts has something like a pooler."""
        if name.startswith("cls.seq_relationship.") or name == "cls.predictions.decoder.bias":
            return None
        if name.startswith("bert.pooler.") and not architecture.endswith(POOLED):
            return None
        return super().place(name, architecture)
