"""The shape of an encoder, in the words of `transformers`' BertConfig."""

from math import ceil
from typing import Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from mamebert.config import Config

HEAD_WIDTH = 64  # BERT's own, at every size (Devlin et al., 2019; Turc et al., 2019)


class EncoderConfig(Config):
    """A BERT encoder (Devlin et al., 2019): post-norm, learned positions, exact GELU."""

    hidden_size: int = Field(default=256, gt=0)
    """Width of the token vectors."""
    num_hidden_layers: int = Field(default=4, gt=0)
    """Transformer layers."""
    num_attention_heads: int = Field(default=0, ge=0)
    """Attention heads per layer; 0 means one for every 64 of hidden_size."""
    intermediate_size: int = Field(default=0, ge=0)
    """Width inside the feed-forward block; 0 means four times hidden_size."""
    max_position_embeddings: int = Field(default=128, ge=8)
    """Longest sequence, in tokens, special tokens included. Positions that pretraining never reaches stay untrained."""
    type_vocab_size: int = Field(default=2, ge=1)
    """Segments a token can belong to: two for sentence pairs."""
    hidden_dropout_prob: float = Field(default=0.1, ge=0, lt=1)
    """Share of hidden values dropped in training."""
    attention_probs_dropout_prob: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention weights dropped in training. BERT used 0.1; 0 is faster and MosaicBERT's choice."""
    pad_token_id: int = Field(default=0, ge=0)
    """Vocabulary id of the padding token, whose row stays zero."""
    layer_norm_eps: float = Field(default=1e-12, gt=0)
    """Added to the variance inside LayerNorm."""
    initializer_range: float = Field(default=0.02, gt=0)
    """Standard deviation of the first weights."""

    @model_validator(mode="wrap")
    @classmethod
    def _fill_in_what_follows_from_the_width(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(values, dict):
            return handler(values)
        try:
            width = int(values.get("hidden_size", 256))
        except (TypeError, ValueError, OverflowError):
            return handler(values)  # the field itself tells what is wrong with it
        follows = {"num_attention_heads": max(1, width // HEAD_WIDTH), "intermediate_size": 4 * width}
        follows = {name: value for name, value in follows.items() if not values.get(name)}
        made = handler({**values, **follows})
        made.model_fields_set.difference_update(follows)  # nobody gave these
        return made

    @model_validator(mode="after")
    def _heads_share_the_width_evenly(self) -> Self:
        heads = self.num_attention_heads
        if self.hidden_size % heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be split between {heads} heads. "
                f"Choose a multiple of {heads}, such as {ceil(self.hidden_size / heads) * heads}."
            )
        return self
