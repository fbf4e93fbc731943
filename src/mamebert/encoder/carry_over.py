"""Weights from one network to another that may have another vocabulary and fewer positions.

Rows of tokens that both vocabularies have are copied, as HerBERT did from XLM-R (Mroczkowski et al., 2021).
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

Mixture = tuple[Sequence[int], Sequence[float]]
"""Ids, and their weights in a sum."""
WORDS, POSITIONS = "bert.embeddings.word_embeddings.weight", "bert.embeddings.position_embeddings.weight"
LAYER = re.compile(r"^(bert\.encoder\.layer\.)(\d+)\.")
OUTPUT, BIAS = "cls.predictions.decoder.weight", "cls.predictions.bias"
COLUMNS = "cls.predictions.dense.weight"  # MobileBERT's further columns of the output matrix, one for each token


@torch.no_grad()
def carry_over(
    old: PretrainingNetwork,
    new: PretrainingNetwork,
    same: Mapping[int, int],
    pieces: Mapping[int, Sequence[int]],
    layers: Sequence[int] = (),
    mixed: Mapping[int, Mixture] = MappingProxyType({}),
) -> None:
    """Make `new` what `old` is.

    `same` is new id to old id: that row of the token embeddings (and of an untied output matrix) and that output bias
    are copied. `pieces` is new id to old ids: their mean. `mixed` is new id to old ids and the weights of their sum.
    Rows in none of these stay as `new` has drawn them, with the mean output bias. Positions beyond those of `new` are
    left out. `layers` are the old layers that the new ones are copied from, in order; by default each from its own.
    """
    values = dict(old.named_parameters(remove_duplicate=False))  # every layer's, though layers may share
    for name, parameter in new.named_parameters():
        value = values[layer_from(name, layers)].to(parameter)
        if name in (WORDS, OUTPUT):
            _take_rows(parameter, value, same, pieces, mixed)
        elif name == COLUMNS:
            _take_rows(parameter.T, value.T, same, pieces, mixed)
        elif name == BIAS:
            parameter.fill_(value.mean())
            _take_rows(parameter, value, same, pieces, mixed)
        elif name == POSITIONS:
            parameter.copy_(value[: len(parameter)])
        else:
            parameter.copy_(value)


def layer_from(name: str, layers: Sequence[int]) -> str:
    """Return the name of the parameter that one of a network made of the old `layers` is copied from."""
    return LAYER.sub(lambda found: f"{found[1]}{layers[int(found[2])]}.", name) if layers else name


def nearest_of_kind(shape: EncoderConfig, place: int, layer: int) -> int:
    """Return the layer nearest to `layer` that is of the kind of those in a place; there is one, the place itself."""
    alike = [n for n in range(shape.num_hidden_layers) if shape.layer_kind(n) == shape.layer_kind(place)]
    return min(alike, key=lambda n: (abs(n - layer), n))


def require_same_kinds(shape: EncoderConfig, layers: Sequence[int]) -> None:
    """Raise a UserError where one of these layers would come to a place where layers are of another kind."""
    wrong = [(at, n) for at, n in enumerate(layers) if shape.layer_kind(n) != shape.layer_kind(at)]
    if wrong:
        at, number = wrong[0]
        raise UserError(
            f"Layer {number} cannot stand in the place of layer {at}: in this encoder (norm_place={shape.norm_place}, "
            f"local_attention={shape.local_attention}) the first layer, or those that see everything, are of another "
            "kind. Choose layers that keep their kinds in their places."
        )


def _take_rows(
    into: Tensor,
    rows: Tensor,
    same: Mapping[int, int],
    pieces: Mapping[int, Sequence[int]],
    mixed: Mapping[int, Mixture],
) -> None:
    into[torch.tensor(list(same), dtype=torch.int64)] = rows[torch.tensor(list(same.values()), dtype=torch.int64)]
    for number, ids in pieces.items():
        into[number] = rows[torch.tensor(ids)].mean(0)
    for number, (ids, weights) in mixed.items():
        into[number] = torch.tensor(weights).to(rows) @ rows[torch.tensor(ids)]
