"""The shape of an encoder, in the words of `transformers`' BertConfig."""

from collections.abc import Sequence
from math import ceil
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, field_validator, model_validator

from mamebert.encoder.design import CHOICES, Design, Reach, sizes_of_width, with_presets
from mamebert.encoder.mobilebert.settings import Bottleneck

WIDEST = 2**16
"""No encoder is wider; sizes beyond are slips of the keyboard, or of a damaged config.json."""


class EncoderConfig(Design):
    """A BERT encoder (Devlin et al., 2019): post-norm, learned positions, exact GELU; and what its kin have instead."""

    newer: ClassVar[tuple[str, ...]] = (
        "embedding_size",
        "hidden_act",
        "pooler_act",
        "shared",
        "num_hidden_groups",
        "layer_heads",
        "layer_widths",
        "head_size",
        "bottleneck",
        "is_decoder",
        *CHOICES,
    )
    hidden_size: int = Field(default=256, gt=0, le=WIDEST)
    """Width of the token vectors."""
    num_hidden_layers: int = Field(default=4, gt=0, le=1024)
    """Transformer layers."""
    num_attention_heads: int = Field(default=0, ge=0, le=WIDEST)
    """Attention heads per layer; 0 means one for every 64 of hidden_size."""
    intermediate_size: int = Field(default=0, ge=0, le=4 * WIDEST)
    """Width inside the feed-forward block; 0 means four times hidden_size."""
    max_position_embeddings: int = Field(default=128, ge=8, le=2**20)
    """Longest sequence, in tokens, special tokens included. Positions that pretraining never reaches stay untrained."""
    type_vocab_size: int = Field(default=2, ge=0, le=1024)
    """Segments a token can belong to: two for sentence pairs, 0 for no segments at all (DistilBERT)."""
    hidden_dropout_prob: float = Field(default=0.1, ge=0, lt=1)
    """Share of hidden values dropped in training. Pretraining a small encoder drops none if it is not given."""
    attention_probs_dropout_prob: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention weights dropped in training. BERT used 0.1; 0 is faster and MosaicBERT's choice."""
    pad_token_id: int = Field(default=0, ge=0)
    """Vocabulary id of the padding token, whose row stays zero."""
    layer_norm_eps: float = Field(default=1e-12, gt=0)
    """Added to the variance inside LayerNorm."""
    initializer_range: float = Field(default=0.02, gt=0)
    """Standard deviation of the first weights. Pretraining a small encoder with rotary positions, or a
    small BERT without word vectors, takes 0.55 / sqrt(hidden_size) if it is not given: 0.049 at a width of 128."""
    embedding_size: int = Field(default=0, ge=0, le=WIDEST)
    """Width of the token table, which a matrix then brings to hidden_size (ALBERT, Lan et al., 2020; ELECTRA).
    0 means hidden_size and no such matrix."""
    hidden_act: Literal["gelu", "gelu_new", "relu"] = "gelu"
    """Activation of the feed-forward block: exact GELU, its tanh approximation (released ALBERTs), or ReLU."""
    pooler_act: Literal["tanh", "relu", "gelu"] = "tanh"
    """Activation of the pooler. If not given: gelu with head = "prediction", relu without segments (DistilBERT's head),
    gelu with an embedding_size and layers of their own (ELECTRA's head), else tanh as BERT and ALBERT."""
    shared: Literal["none", "all", "groups", "attention", "ffn"] = "none"
    """What layers have in common (ALBERT): nothing, everything, everything within each of num_hidden_groups runs of
    layers, the attention, or the feed-forward block."""
    num_hidden_groups: int = Field(default=1, ge=1)
    """Runs of layers that are alike, with shared = "groups"; layer i of L belongs to run i * groups // L."""
    layer_heads: list[int] = Field(default=[])
    """Attention heads of each layer where they differ; a layer of 0 heads has no attention. Empty: the same in all."""
    layer_widths: list[int] = Field(default=[])
    """Width inside the feed-forward block of each layer where they differ; 0 is no block. Empty: the same in all."""
    head_size: int = Field(default=0, ge=0, le=WIDEST)
    """Width of an attention head; 0 means hidden_size / num_attention_heads."""
    bottleneck: Bottleneck | None = None
    """Layers of another width than the body, as in MobileBERT; without it every layer is as wide as the body."""
    is_decoder: bool = False
    """Whether a token sees only itself and what stands before it, as in BERT's left-to-right ablation and GPT; the
    objective left_to_right_lm sets it."""

    @property
    def embedding_width(self) -> int:
        """Width of the token table."""
        return self.embedding_size or self.hidden_size

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        width = self.bottleneck.intra_bottleneck_size if self.bottleneck else self.hidden_size
        return self.head_size or width // self.num_attention_heads

    def window(self, layer: int) -> Reach:
        """Return how many tokens to its left and to its right a token sees in a layer; below 0 there is no bound."""
        reach = self.reach(layer)
        return reach, 0 if self.is_decoder else reach

    @property
    def is_small(self) -> bool:
        """Whether it is as small as ours, which BERT-base's numbers do not fit; published kin are wider or deeper."""
        return self.hidden_size <= 256 and self.num_hidden_layers <= 8 and not self.bottleneck

    @property
    def is_regular(self) -> bool:
        """Whether all layers are BERT's, of one shape (see `is_even`)."""
        return self.is_even and not self.choices_beyond_bert

    @property
    def is_even(self) -> bool:
        """Whether all layers have one shape, with heads that fill the width of the body and a feed-forward block."""
        heads, widths = set(self.heads_by_layer), set(self.widths_by_layer)
        fills = self.heads_by_layer[0] * self.head_width == self.hidden_size
        return len(heads) == len(widths) == 1 and fills and self.widths_by_layer[0] > 0 and not self.bottleneck

    @property
    def heads_by_layer(self) -> list[int]:
        """Attention heads of each layer."""
        return self.layer_heads or [self.num_attention_heads] * self.num_hidden_layers

    @property
    def widths_by_layer(self) -> list[int]:
        """Width inside the feed-forward block of each layer."""
        return self.layer_widths or [self.intermediate_size] * self.num_hidden_layers

    @property
    def attention_owners(self) -> list[int]:
        """For each layer the first one that has the same attention: itself, where it shares none."""
        return self._owners("attention")

    @property
    def ffn_owners(self) -> list[int]:
        """For each layer the first one that has the same feed-forward block."""
        return self._owners("ffn")

    def _owners(self, half: str) -> list[int]:
        layers = range(self.num_hidden_layers)
        if self.shared == "groups":
            groups = [layer * self.num_hidden_groups // self.num_hidden_layers for layer in layers]
            return [groups.index(group) for group in groups]
        return [0 if self.shared in ("all", half) else layer for layer in layers]

    @model_validator(mode="wrap")
    @classmethod
    def _fill_in_what_follows_from_the_width(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(values, dict):
            return handler(values)
        preset, values = values.get("preset"), with_presets(values)
        try:
            width = int(values.get("hidden_size", 256))
        except (TypeError, ValueError, OverflowError):
            return handler(values)  # the field itself tells what is wrong with it
        follows = sizes_of_width(preset, width)
        if isinstance(given := values.get("bottleneck"), dict) and "bottleneck" in follows:
            values = {**values, "bottleneck": {**follows["bottleneck"], **given}}
        if (bends := _pooler_act({**follows, **values})) != "tanh":
            follows["pooler_act"] = bends
        follows = {name: value for name, value in follows.items() if not values.get(name)}
        made = handler({**values, **follows})
        made.model_fields_set.difference_update(follows)  # nobody gave these
        return made

    @field_validator("layer_heads", "layer_widths")
    @classmethod
    def _no_less_than_nothing(cls, sizes: list[int]) -> list[int]:
        if any(size < 0 for size in sizes):
            raise ValueError(f"A layer cannot have {min(sizes)} of them. Give 0 or more for each layer.")
        return sizes

    @model_validator(mode="after")
    def _heads_share_the_width_evenly(self) -> Self:
        heads = self.num_attention_heads
        if not heads or not self.intermediate_size:  # "0" where the number 0 would have meant the usual size
            raise ValueError("num_attention_heads and intermediate_size cannot be texts that mean 0. Leave them out.")
        if self.hidden_size % heads and not self.head_size and not self.bottleneck:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be split between {heads} heads. "
                f"Choose a multiple of {heads}, such as {ceil(self.hidden_size / heads) * heads}."
            )
        return self

    @model_validator(mode="after")
    def _a_bottleneck_stands_alone(self) -> Self:
        if not self.bottleneck:
            return self
        width, heads = self.bottleneck.intra_bottleneck_size, self.num_attention_heads
        if width % heads:
            raise ValueError(
                f"bottleneck.intra_bottleneck_size {width} cannot be split between {heads} heads. "
                f"Choose a multiple of {heads}, such as {ceil(width / heads) * heads}."
            )
        of_bert = ("shared", "layer_heads", "layer_widths", "head_size", "pooler_act", "is_decoder", *CHOICES)
        wrong = self._unlike_bert(of_bert)
        if wrong or not self.type_vocab_size:
            raise ValueError(
                f"{wrong[0] if wrong else 'type_vocab_size 0'} is not for an encoder with a bottleneck, whose layers "
                "are alike, have weights of their own and know segments. Leave one of the two out."
            )
        return self

    @model_validator(mode="after")
    def _choices_go_together(self) -> Self:
        if self.positions == "rotary" and self.head_width % 2:
            raise ValueError(
                f"Rotary positions turn numbers in pairs, and heads are {self.head_width} wide. Choose "
                "num_attention_heads so that hidden_size / num_attention_heads is even."
            )
        if self.shared != "none" and (different := self._unlike_bert(("norm_place", "local_attention"))):
            raise ValueError(
                f"{different[0]}={getattr(self, different[0])} makes layers differ, and shared={self.shared} wants "
                "them alike. Leave one of the two out."
            )
        if self.has_prediction_head and self.embedding_size:
            raise ValueError(
                "head=prediction is as wide as the encoder, and embedding_size asks for narrower scores of words. "
                "Leave one of the two out."
            )
        return self

    @property
    def choices_beyond_bert(self) -> list[str]:
        """The choices of `Design` that make layers unlike BERT's, as they are spelt: "positions=rotary"."""
        spelt = [f"{name}={getattr(self, name)}" for name in self._unlike_bert(CHOICES)]
        return [each for each in spelt if each != "head=task"]

    def _unlike_bert(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].default]

    @model_validator(mode="after")
    def _groups_fit_the_layers(self) -> Self:
        if self.num_hidden_layers % self.num_hidden_groups:
            fitting = [n for n in range(1, self.num_hidden_layers + 1) if self.num_hidden_layers % n == 0]
            raise ValueError(
                f"{self.num_hidden_layers} layers cannot be split into {self.num_hidden_groups} groups of one size. "
                f"Choose num_hidden_groups from {', '.join(map(str, fitting))}."
            )
        if self.num_hidden_groups > 1 and self.shared != "groups":
            raise ValueError(
                f"num_hidden_groups {self.num_hidden_groups} means nothing with shared={self.shared}. "
                "Set shared=groups, or leave num_hidden_groups out."
            )
        return self

    @model_validator(mode="after")
    def _each_layer_has_its_size(self) -> Self:
        for name, owners in (("layer_heads", self.attention_owners), ("layer_widths", self.ffn_owners)):
            sizes = getattr(self, name)
            if sizes and len(sizes) != self.num_hidden_layers:
                raise ValueError(
                    f"{name} tells the sizes of {len(sizes)} layers, and there are {self.num_hidden_layers}. "
                    "Give one for each."
                )
            if sizes and any(sizes[owner] != size for owner, size in zip(owners, sizes, strict=True)):
                raise ValueError(f"Layers that share weights differ in {name}. Give them one size, or set shared=none.")
        return self

    def unwritten(self) -> set[str]:
        """Return what is as in BERT: a plain BERT is written as it was before its kin were known."""
        usual = super().unwritten()
        if len(usual) < len(self.newer) or not self.type_vocab_size:
            usual -= {"pooler_act"}  # which would follow from the others
        return usual


def _pooler_act(values: dict[str, Any]) -> str:
    """Return how the family bends its pooler that a shape belongs to."""
    if values.get("bottleneck") is not None:  # though it may say nothing, which means MobileBERT's
        return "tanh"
    if values.get("head") == "prediction":
        return "gelu"
    if values.get("type_vocab_size") in (0, "0"):
        return "relu"
    return "gelu" if values.get("embedding_size") and values.get("shared", "none") not in ("all", "groups") else "tanh"
