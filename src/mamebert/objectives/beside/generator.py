"""A small network that fills hidden places with words that might stand there (ELECTRA; Clark et al., 2020)."""

import torch
from pydantic import Field
from torch import Tensor

from mamebert.checkpoints.layouts import BASIC
from mamebert.config import Config, build
from mamebert.encoder.design import CHOICES, HEAD_WIDTH
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

LIKE_THE_ENCODER = (
    *(name for name in BASIC if name not in ("hidden_size", "num_attention_heads", "intermediate_size")),
    *(name for name in CHOICES if name not in ("preset", "size", "head")),
)
ROWS = 1024  # at a time: scores of all words are large


class Generator(Config):
    """The generator's shape."""

    hidden_size: int = Field(default=0, ge=0)
    """Width of its token vectors; 0 means a quarter of the encoder's, in whole heads of 64 (or one narrower head)."""
    num_hidden_layers: int = Field(default=0, ge=0)
    """Its layers; 0 means as many as the encoder has."""

    def shape(self, encoder: EncoderConfig) -> EncoderConfig:
        """Return the shape of a generator for an encoder; a UserError where there can be none."""
        if encoder.bottleneck:
            raise UserError(
                "A generator reads the encoder's own embeddings, and those of a MobileBERT (encoder.bottleneck) are "
                "sums of three tokens. Set objective.kind=masked_lm."
            )
        width = self.hidden_size or _quarter(encoder.hidden_size)
        like = {name: getattr(encoder, name) for name in LIKE_THE_ENCODER}
        if self.num_hidden_layers:
            like["num_hidden_layers"] = self.num_hidden_layers
        narrow = encoder.embedding_width if encoder.embedding_width != width else 0
        return build(
            EncoderConfig,
            {
                **like,
                "hidden_size": width,
                "embedding_size": narrow,
                "intermediate_size": 4 * width,
                "pooler_act": "gelu",
            },
        )

    def new(self, network: PretrainingNetwork) -> PretrainingNetwork:
        """Return a generator for a network: its tables of words, positions and segments are the network's own.

        The network then learns them with both (ELECTRA, section 3.2). It starts with the network's output bias.
        """
        theirs = network.bert.embeddings
        made = PretrainingNetwork(self.shape(network.bert.config), network.bert.vocab_size)
        for name in ("word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm"):
            setattr(made.bert.embeddings, name, getattr(theirs, name))
        made.bert.pooler = made.cls.seq_relationship = None  # nobody asks a generator about sequences
        head = made.cls.predictions
        head.decoder.weight = theirs.word_embeddings.weight
        with torch.no_grad():
            head.bias.copy_(network.cls.predictions.bias)
        return made


@torch.no_grad()
def sample(generator: PretrainingNetwork, hidden: Tensor, draws: Tensor) -> Tensor:
    """Return a token for each row, as likely as the generator finds it: int64 [rows].

    `hidden` [rows, hidden_size] of the generator, `draws` [rows] numbers from 0 to 1, which decide. (ELECTRA adds
    Gumbel noise to every score, which gives the same shares and takes a draw for each word of the vocabulary.)
    """
    rows = zip(hidden.detach().split(ROWS), draws.split(ROWS), strict=True)
    return torch.cat([_drawn(generator.cls.predictions(some), own) for some, own in rows])


def _drawn(logits: Tensor, draws: Tensor) -> Tensor:
    mass = logits.softmax(-1).cumsum(-1)
    wanted = draws[:, None].to(mass) * mass[:, -1:]
    return torch.searchsorted(mass, wanted, right=True).squeeze(1).clamp(max=logits.shape[1] - 1)


def _quarter(width: int) -> int:
    quarter = max(2, width // 4)
    return quarter // HEAD_WIDTH * HEAD_WIDTH or quarter + quarter % 2
