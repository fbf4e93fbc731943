"""ModernBERT (Warner et al., 2024): rotary positions, pre-norm, gated blocks, windows, no biases."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from mamebert.checkpoints.layouts import Layout, S, regular_fields
from mamebert.encoder.design import PRESETS
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

LAYER, THEIRS = "bert.encoder.layer.{}.", "model.layers.{}."
FULL, SLIDING = "full_attention", "sliding_attention"
SAME = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings",
    "initializer_range", "pad_token_id",
)  # fmt: skip
"""Settings with the same names."""
FIELDS = {
    "layer_norm_eps": "norm_eps",
    "hidden_act": "hidden_activation",
    "pooler_act": "classifier_activation",
    "hidden_dropout_prob": "mlp_dropout",
    "attention_probs_dropout_prob": "attention_dropout",
}
BIASES = ("norm_bias", "attention_bias", "mlp_bias", "classifier_bias")
DESIGN = {name: value for name, value in PRESETS["modernbert"].items() if isinstance(value, str) and name != "biases"}
"""What all of its networks have."""
WINDOW, EVERY, THETAS = 128, 3, {FULL: 160_000.0, SLIDING: 10_000.0}


class ModernBert(Layout):
    """`ModernBertForMaskedLM` and its like."""

    prefix: ClassVar[str] = "ModernBert"
    head: ClassVar[str] = "prediction"
    base: ClassVar[str] = "model."
    table: ClassVar[str] = "embeddings.tok_embeddings.weight"
    fused: ClassVar[Sequence[tuple[str, tuple[str, ...]]]] = (
        (".attn.Wqkv.", (".attn.query.", ".attn.key.", ".attn.value.")),
        (".mlp.Wi.", (".mlp.input.", ".mlp.gate.")),
    )
    renamed: ClassVar[tuple[tuple[str, str], ...]] = (
        ("bert.embeddings.word_embeddings.", "model.embeddings.tok_embeddings."),
        ("bert.embeddings.LayerNorm.", "model.embeddings.norm."),
        (f"{LAYER}attention.LayerNorm.", f"{THEIRS}attn_norm."),
        (f"{LAYER}attention.output.dense.", f"{THEIRS}attn.Wo."),
        (f"{LAYER}attention.self.", f"{THEIRS}attn."),
        (f"{LAYER}intermediate.LayerNorm.", f"{THEIRS}mlp_norm."),
        (f"{LAYER}intermediate.dense.", f"{THEIRS}mlp.input."),
        (f"{LAYER}intermediate.gate.", f"{THEIRS}mlp.gate."),
        (f"{LAYER}output.dense.", f"{THEIRS}mlp.Wo."),
        ("bert.encoder.LayerNorm.", "model.final_norm."),
        ("bert.pooler.dense.", "head.dense."),
        ("bert.pooler.LayerNorm.", "head.norm."),
        ("cls.predictions.bias", "decoder.bias"),
        ("cls.predictions.decoder.", "decoder."),
    )
    unsaid: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "hidden_size": 768,
            "num_hidden_layers": 22,
            "num_attention_heads": 12,
            "intermediate_size": 1152,
            "max_position_embeddings": 8192,
            "pad_token_id": 50_283,
        }
    )

    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether all choices are ModernBERT's; biases, window and angles are free."""
        chosen = all(getattr(shape, name) == value for name, value in DESIGN.items())
        bends = shape.pooler_act in ("gelu", "relu")
        return chosen and bends and shape.is_even and shape.shared == "none" and not shape.type_vocab_size

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings; what no network here computes is a UserError."""
        _require_known(config)
        layers = config.get("num_hidden_layers", self.unsaid["num_hidden_layers"])
        known = {name: config.get(name) for name in SAME}
        usual = {"layer_norm_eps": 1e-5, "pooler_act": "gelu", "hidden_dropout_prob": 0.0}
        told = {ours: config.get(theirs, usual.get(ours)) for ours, theirs in FIELDS.items()}
        biases = "all" if config.get(BIASES[0]) else "none"
        every = _every(config, layers)
        window = 0 if every == 1 else config.get("local_attention", WINDOW)
        return {
            **known, **told, **DESIGN, **_thetas(config),
            "type_vocab_size": 0, "biases": biases, "local_attention": window,
            **({"global_attn_every_n_layers": every} if window else {}),
        }  # fmt: skip

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings; the special tokens' ids are the tokenizer's to tell."""
        fields = {**regular_fields(shape), "pooler_act": shape.pooler_act}
        kinds = [FULL if shape.reach(layer) < 0 else SLIDING for layer in range(shape.num_hidden_layers)]
        bases = {FULL: shape.global_rope_theta, SLIDING: shape.local_rope_theta}
        return {
            **{name: fields[name] for name in SAME},
            **{theirs: fields[ours] for ours, theirs in FIELDS.items()},
            **dict.fromkeys(BIASES, shape.has_biases),
            "embedding_dropout": shape.hidden_dropout_prob,
            "classifier_dropout": shape.hidden_dropout_prob,
            "classifier_pooling": "cls",
            "decoder_bias": True,
            "layer_types": kinds,
            "global_attn_every_n_layers": shape.global_attn_every_n_layers if shape.local_attention else 1,
            "local_attention": shape.local_attention or WINDOW,
            "rope_parameters": {kind: {"rope_type": "default", "rope_theta": base} for kind, base in bases.items()},
            **dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")),
        }

    def place(self, name: str, architecture: str) -> str | None:
        """Return the name; there is no question about pairs, and answers to questions are like any labels."""
        if name.startswith("cls.seq_relationship.") or name == "cls.predictions.decoder.bias":
            return None
        if name.startswith("bert.pooler.") and architecture.endswith("Model"):
            return None
        return super().place(_swapped(name, "qa_outputs.", "classifier.", architecture), architecture)

    def ours(self, tensors: Mapping[str, S], shape: EncoderConfig, architecture: str = "") -> dict[str, S]:
        """Return the tensors."""
        found = super().ours(tensors, shape, architecture)
        return {_swapped(name, "classifier.", "qa_outputs.", architecture): each for name, each in found.items()}


def _swapped(name: str, old: str, new: str, architecture: str) -> str:
    is_one = architecture.endswith("QuestionAnswering") and name.startswith(old)
    return new + name.removeprefix(old) if is_one else name


def _require_known(config: Mapping[str, Any]) -> None:
    if len({bool(config.get(name)) for name in BIASES}) > 1:
        raise UserError(f"Some of {', '.join(BIASES)} are true and some false, and all or none can be. Give another.")
    if not config.get("decoder_bias", True):
        raise UserError("decoder_bias is false, and scores of words without a bias are not known. Give another model.")
    architecture, pooling = str((config.get("architectures") or [""])[0]), config.get("classifier_pooling", "cls")
    known = {"SequenceClassification": ("cls", "mean"), "MultipleChoice": ("cls",)}
    for ending, ways in known.items():
        if architecture.endswith(ending) and pooling not in ways:
            raise UserError(
                f"classifier_pooling is {pooling!r}, and {architecture} is read by {' or '.join(ways)} here. "
                "Fine-tune its encoder with mamebert, or give another model."
            )


def _every(config: Mapping[str, Any], layers: Any) -> Any:
    """Return of how many layers each first sees everything: 1 where all do."""
    kinds, told = config.get("layer_types"), config.get("global_attn_every_n_layers") or EVERY
    if kinds is None or not isinstance(layers, int):
        return told
    if not isinstance(kinds, list) or len(kinds) != layers or not all(kind in (FULL, SLIDING) for kind in kinds):
        raise UserError(f"layer_types does not name {FULL} or {SLIDING} for each of {layers} layers. Save it again.")
    seen = next((number for number in range(1, layers) if kinds[number] == FULL), max(layers, 2))
    fitting = [
        every for every in (told, seen) if isinstance(every, int) and every > 0 and _kinds(layers, every) == kinds
    ]
    if not fitting:
        raise UserError(f"layer_types does not repeat itself from a {FULL} on, as all known do. Give another model.")
    return fitting[0]


def _kinds(layers: int, every: int) -> list[str]:
    return [SLIDING if layer % every else FULL for layer in range(layers)]


def _thetas(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bases of rotary positions, as new folders tell them or old ones."""
    told = config.get("rope_parameters") or {}
    found: dict[str, Any] = {}
    for kind, name in ((FULL, "global_rope_theta"), (SLIDING, "local_rope_theta")):
        about: Any = (told.get(kind) or {}) if isinstance(told, dict) else None
        is_plain = isinstance(about, dict) and about.get("rope_type", "default") == "default"
        if not is_plain or config.get("rope_scaling"):
            raise UserError("Its rotary positions are stretched (rope_type), and only plain ones are known.")
        found[name] = about.get("rope_theta") or config.get(name) or THETAS[kind]
    return found
