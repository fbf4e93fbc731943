"""The settings of an encoder whose layers are narrower than its body (MobileBERT; Sun et al., 2020)."""

from typing import Literal

from pydantic import Field

from mamebert.config import Config


class Bottleneck(Config):
    """Narrow layers within a body of hidden_size, in the words of `transformers`' MobileBertConfig.

    The defaults are MobileBERT's. Its teacher IB-BERT is the same with an intra_bottleneck_size above hidden_size (an
    inverted bottleneck), one feed-forward block, layer_norm, GELU, and no bottleneck for queries and keys.
    """

    intra_bottleneck_size: int = Field(default=128, gt=0)
    """Width inside a layer, between the matrices that narrow the body and those that widen it again."""
    num_feedforward_networks: int = Field(default=4, ge=1, le=1024)
    """Feed-forward blocks in a layer, one after the other."""
    normalization_type: Literal["no_norm", "layer_norm"] = "no_norm"
    """Normalisation: a factor and a shift for each number (no_norm), or LayerNorm."""
    key_query_shared_bottleneck: bool = True
    """Make queries and keys of one narrowed vector; else of the body, as values always are."""
    use_bottleneck_attention: bool = False
    """Make queries, keys and values of the vector that the layer adds to; of the body otherwise."""
    trigram_input: bool = True
    """Make the vector of a token of the embeddings of the next token, itself and the token before."""
    classifier_activation: bool = True
    """Put the [CLS] vector through a dense layer and tanh, as BERT; the released MobileBERT gives it as it is."""
