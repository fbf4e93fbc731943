"""Choices in which families of encoders differ: each can be made by itself, and a preset makes all of a family's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mamebert.config import Config

HEAD_WIDTH = 64  # BERT's own, at every size (Devlin et al., 2019; Turc et al., 2019)
Reach = tuple[int, int]
"""How many tokens to its left and to its right a token sees; below 0 there is no bound."""
EVERYWHERE: Reach = (-1, -1)
"""The reach of a layer whose tokens see their whole sequence."""
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "modernbert": MappingProxyType(
            {
                "positions": "rotary",
                "norm_place": "pre",
                "ffn": "gated",
                "biases": "none",
                "head": "prediction",
                "local_attention": 128,
                "type_vocab_size": 0,
                "hidden_dropout_prob": 0.0,
                "layer_norm_eps": 1e-5,
            }
        ),
        "albert": MappingProxyType({"shared": "all", "embedding_size": 128}),
        "mobilebert": MappingProxyType({"hidden_act": "relu", "hidden_dropout_prob": 0.0}),
        "mosaicbert": MappingProxyType({"positions": "alibi", "ffn": "gated"}),
        "roberta": MappingProxyType({"head": "task", "type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    }
)
"""What each preset chooses."""
SIZES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "tiny": (2, 128),
        "mini": (4, 256),
        "small": (4, 512),
        "medium": (8, 512),
        "base": (12, 768),
        "deep_17m": (7, 256),
        "deep_32m": (10, 384),
        "deep_68m": (19, 512),
    }
)
"""Layers and width of each size: Google's grid (Turc et al., 2019), BERT's base, and Ettin's deep and thin ones."""


class Design(Config):
    """How a layer is built. The defaults are BERT's (Devlin et al., 2019)."""

    preset: Literal["none", "albert", "mobilebert", "modernbert", "mosaicbert", "roberta"] = "none"
    """Take a family's choices for all settings of an encoder that are not given; what is recorded are the choices.

    albert: one layer's weights for all and a token table 128 wide; mobilebert: layers a quarter as wide as the body;
    modernbert: rotary positions, norms before, gates, windows, no biases; mosaicbert: slopes and gates; roberta: no
    segments, no question about pairs. `docs/families.md` says which class of plain transformers opens each."""
    size: Literal["none", "tiny", "mini", "small", "medium", "base", "deep_17m", "deep_32m", "deep_68m"] = "none"
    """Take num_hidden_layers and hidden_size together, where they are not given: Google's small BERTs (Turc et al.,
    2019; 2 x 128, 4 x 256, 4 x 512, 8 x 512), base (12 x 768), or deep and thin shapes with the names of Ettin's sizes
    (Weller et al., 2025; 7 x 256, 10 x 384, 19 x 512), whose millions count a vocabulary of 50,368. Any preset goes
    with any size. What is recorded are the two numbers."""
    positions: Literal["learnt", "rotary", "alibi"] = "learnt"
    """How tokens know their order: a learnt vector added for each position; queries and keys turned by angles that grow
    with the position (Su et al., 2021), so that attention sees distances; or scores that fall with the distance, in
    each head at its own rate (ALiBi; Press et al., 2022), on both sides alike."""
    norm_place: Literal["post", "pre"] = "post"
    """LayerNorm behind each half of a layer, over the sum, or before it and once at the end, so that sums are never
    normalised (Xiong et al., 2020). With pre, the first attention has none, for embeddings are normalised already."""
    ffn: Literal["plain", "gated"] = "plain"
    """Feed-forward block: activation(x A) B, or (activation(x A) * x C) B, GeGLU with gelu (Shazeer, 2020)."""
    biases: Literal["all", "none"] = "all"
    """Whether matrices and LayerNorms of the encoder and of its head have biases; the score of each word keeps its."""
    head: Literal["pooler", "prediction", "task"] = "pooler"
    """What tasks put before their outputs: BERT's pooler over [CLS], which next-sentence prediction trains; what
    pretraining puts before the scores of words (dense, activation, LayerNorm), over every token that is read; or a
    pooler that begins anew with each task, for pretraining asks no question about pairs (RoBERTa)."""
    local_attention: int = Field(default=0, ge=0)
    """Tokens within which a token sees others in most layers, half of them to each side; 0 means all of a sequence."""
    global_attn_every_n_layers: int = Field(default=3, ge=1)
    """With local_attention, one in so many layers, beginning with the first, sees whole sequences."""
    global_rope_theta: float = Field(default=160_000.0, gt=1)
    """With rotary positions, base of the angles in layers that see whole sequences."""
    local_rope_theta: float = Field(default=10_000.0, gt=1)
    """With rotary positions, base of the angles in layers with local_attention."""

    @model_validator(mode="after")
    def _half_a_window_is_something(self) -> Self:
        if self.local_attention == 1:
            raise ValueError("local_attention 1 shows a token nothing but itself. Set 2 or more, or 0 for everything.")
        return self

    @property
    def has_biases(self) -> bool:
        """Whether matrices and LayerNorms have biases."""
        return self.biases == "all"

    @property
    def has_prediction_head(self) -> bool:
        """Whether tasks read what stands before the scores of words, in place of a pooler."""
        return self.head == "prediction"

    @property
    def has_pretrained_pooler(self) -> bool:
        """Whether pretraining has a pooler, with which questions about pairs are answered."""
        return self.head == "pooler"

    @property
    def ffn_matrices(self) -> int:
        """How many matrices a feed-forward block has."""
        return 3 if self.ffn == "gated" else 2

    def reach(self, layer: int) -> int:
        """Return how many tokens to either side a token sees in a layer; below 0 it sees all."""
        is_global = not self.local_attention or layer % self.global_attn_every_n_layers == 0
        return -1 if is_global else self.local_attention // 2

    def layer_kind(self, layer: int) -> tuple[int, bool]:
        """Return in what a layer differs from others: its reach, and whether it looks at what is normalised already."""
        return self.reach(layer), self.norm_place == "pre" and layer == 0

    def rope_theta(self, layer: int) -> float:
        """Return the base of a layer's rotary positions."""
        return self.global_rope_theta if self.reach(layer) < 0 else self.local_rope_theta


CHOICES = tuple(Design.model_fields)


def sizes_of_width(preset: object, width: int) -> dict[str, Any]:
    """Return the sizes that follow from hidden_size in a family, where they are not given."""
    if preset == "mobilebert":  # Sun et al. (2020) have 128 of 512 inside, four heads, and 128 in the table
        inside = max(1, width // 4)
        narrow = {"bottleneck": {"intra_bottleneck_size": inside}, "embedding_size": inside}
        return {"num_attention_heads": max(1, width // 128), "intermediate_size": 4 * inside, **narrow}
    inner = 3 * width // 2 if preset == "modernbert" else 4 * width
    return {"num_attention_heads": max(1, width // HEAD_WIDTH), "intermediate_size": inner}


def with_presets(values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with what their preset and their size choose where they leave it open."""
    if chosen := PRESETS.get(str(values.get("preset"))):
        values = {**chosen, **values, "preset": "none"}
    if sizes := SIZES.get(str(values.get("size"))):
        values = {"num_hidden_layers": sizes[0], "hidden_size": sizes[1], **values, "size": "none"}
    return values
