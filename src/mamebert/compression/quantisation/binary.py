"""Networks of signs: weights, what goes into products, and attention have two values each (Qin et al., 2022, BiBERT).

An exact 0 counts as positive everywhere, as the paper's sign and bool have it; the released code leaves it 0. In
attention that is common, for a sum of an even number of signs is 0 often: such a token is looked at here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from mamebert.compression.quantisation.fake_quantisation import QuantisedEmbedding, mark_altered
from mamebert.compression.quantisation.rounding import Rounding, straight_through
from mamebert.encoder.attention import SelfAttention
from mamebert.encoder.model import Encoder
from mamebert.encoder.parts import Linear
from mamebert.encoder.trace import ForwardTrace


def signs(values: Tensor) -> Tensor:
    """Return 1 or -1 in the type of `values`; the gradient is that of clamp(values, -1, 1)."""
    detached = values.detach()
    return straight_through(values.clamp(-1, 1), torch.where(detached >= 0, 1.0, -1.0).to(values.dtype))


def attended(scores: Tensor) -> Tensor:
    """Return 1 where a token is looked at, else 0: Bi-Attention's bool(score >= 0), which takes no softmax.

    The gradient is that of clamp(scores, -1, 1).
    """
    return straight_through(scores.clamp(-1, 1), (scores.detach() >= 0).to(scores.dtype))


@dataclass(frozen=True)
class BinaryRows:
    """Gives each row of a weight two values, a and -a: the mean magnitude times sign(w - mean w).

    Taking the mean away makes both values equally likely, which tells most; a gets no gradient, and w that of
    clamp(w - mean w, -1, 1).
    """

    def __call__(self, weight: Tensor) -> Tensor:
        """Return the same shape, [..., columns]."""
        centred = weight - weight.mean(-1, keepdim=True)
        size = weight.detach().abs().mean(-1, keepdim=True)
        return straight_through(centred.clamp(-1, 1), torch.where(centred.detach() >= 0, size, -size))

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return rows of a table as they are in the whole: each has values of its own."""
        return self(found)


binary_rows = BinaryRows()


@dataclass(frozen=True)
class Settled:
    """Stands where `binary_rows` stood once weights are binary for good: they stay as they are."""

    def __call__(self, weight: Tensor) -> Tensor:
        """Return the weight."""
        return weight

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return the rows."""
        return found


class BinaryLinear(Linear):
    """A linear layer over signs, with binary rows; parameters have the usual names, and the bias is a float."""

    def __init__(self, dense: nn.Linear, round_weight: Rounding) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = dense.in_features, dense.out_features
        self.weight, self.bias, self.round_weight = dense.weight, dense.bias, round_weight

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., out_features]."""
        return linear(signs(hidden), self.round_weight(self.weight), self.bias)


class BiAttention(nn.Module):
    """Self-attention by signs: a token looks at another where more signs of query and key agree than differ."""

    def __init__(self, plain: SelfAttention) -> None:
        super().__init__()
        self.num_heads, self.drop_rate = plain.num_heads, plain.drop_rate
        self.query, self.key, self.value = plain.query, plain.key, plain.value

    def mix(self, hidden: Tensor, seen: ForwardTrace) -> Tensor:
        """Return [batch, longest, ...] for padded sequences: sums of signs, for each token over those it looks at.

        `seen` gets queries, keys and values before their signs are taken.
        """
        queries, keys, values = (
            projected(hidden).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projected in (self.query, self.key, self.value)
        )
        scores = signs(queries) @ signs(keys).transpose(2, 3) / queries.shape[-1] ** 0.5
        looks = attended(scores.masked_fill(~seen.batch.visible[:, None, None], torch.finfo(scores.dtype).min))
        shown = {"queries": queries, "keys": keys, "values": values, "scores": scores, "attention": looks}
        for name, found in shown.items():
            getattr(seen, name).append(found)
        mixed = dropout(looks, self.drop_rate, self.training) @ signs(values)
        return mixed.transpose(1, 2).flatten(2)


def binarise(encoder: Encoder, with_pooler: bool, round_weight: Rounding = binary_rows) -> None:
    """Put binary modules where the layers' matrices and attention, the word table and the pooler stood.

    They hold the same parameters. Positions, segments, biases and LayerNorm stay floats, as in the released code.
    """
    places = ("encoder.", "pooler") if with_pooler else ("encoder.",)
    for name, module in list(encoder.named_modules()):
        place, _, last = name.rpartition(".")
        new: nn.Module | None = None
        if name == "embeddings.word_embeddings":
            new = QuantisedEmbedding(module, round_weight)
        elif type(module) is SelfAttention and module.num_heads:
            new = BiAttention(module)
        elif type(module) is Linear and module.weight.numel() and place.startswith(places):
            new = BinaryLinear(module, round_weight)
        if new is not None:
            setattr(encoder.get_submodule(place), last, new.train(module.training))
    mark_altered(encoder)


def binary_modules(encoder: nn.Module) -> list[tuple[str, Any]]:
    """Return the modules whose weights are binary, with their names."""
    return [(n, m) for n, m in encoder.named_modules() if isinstance(m, BinaryLinear | QuantisedEmbedding)]


@torch.no_grad()
def settle_signs(encoder: nn.Module) -> None:
    """Make the weights themselves binary, once learning is over."""
    for _, module in binary_modules(encoder):
        module.weight.copy_(module.round_weight(module.weight))
        module.round_weight = Settled()
