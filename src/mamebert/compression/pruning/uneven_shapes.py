"""Networks whose layers differ in heads and neurons: cut out of whole ones, and filled up with zeros again.

Plain `transformers` knows one number of heads, tied to their size, and one feed-forward width for all layers. What is
cut otherwise is therefore kept twice: compact, which is fast, and dense, with zeros where something is missing, which
loads anywhere and gives the same numbers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from mamebert.compression.contract import Subject
from mamebert.encoder.model import Encoder, Layers
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

Kept = Sequence[Sequence[int]]
"""For each layer the numbers of the heads, or of the neurons, that stay, in the order in which they shall stand."""

_NAME = re.compile(r"(?:^|\.)encoder\.layer\.(\d+)\.(.+)\.(weight|bias)$")
_HEADS_IN_ROWS = {f"attention.self.{name}" for name in ("query", "key", "value")}


class _Axis(NamedTuple):
    layer: int
    of: Literal["heads", "neurons"]
    number: int
    """The axis of the tensor that runs over heads, each as wide as a head, or over neurons."""


def cut(
    config: EncoderConfig, tensors: Mapping[str, Tensor], heads: Kept, neurons: Kept
) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """Return the shape and the tensors with only those heads and neurons, in that order.

    `tensors` are those of an encoder, or of any network around one: names count from "encoder.layer.". Keeping all of
    them, in any order, changes no output. One feed-forward width for all layers is `intermediate_size`, and heads that
    fill the width need no mention, so that a plain class still holds the network where it can.
    """
    require_layers_of_their_own(config)
    size = config.head_width
    rows = {
        "heads": [(_numbers(kept)[:, None] * size + torch.arange(size)).flatten() for kept in heads],
        "neurons": [_numbers(kept) for kept in neurons],
    }
    made = dict(tensors)
    for name, axis in _axes(tensors):
        made[name] = tensors[name].index_select(axis.number, rows[axis.of][axis.layer].to(tensors[name].device))
    return sized(config, [len(kept) for kept in heads], [len(kept) for kept in neurons]), made


def densify(config: EncoderConfig, tensors: Mapping[str, Tensor]) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """Return the same function as a network with equal layers, which plain `transformers` can hold.

    Layers get as many heads as fill the width and as many neurons as the widest has; what is new is zero.
    """
    size = config.head_width
    if config.hidden_size % size or max(config.heads_by_layer) * size > config.hidden_size:
        raise UserError(
            f"Heads of width {size} do not fill vectors of width {config.hidden_size} evenly, so that no "
            "plain class can hold the network. Open its compact folder with mamebert."
        )
    widest = max(1, *config.widths_by_layer)
    full = {"heads": config.hidden_size, "neurons": widest}
    made = dict(tensors)
    for name, axis in _axes(tensors):
        missing = full[axis.of] - tensors[name].shape[axis.number]
        last = tensors[name].dim() - 1 == axis.number
        made[name] = pad(tensors[name], (0, missing) if last else (0, 0, 0, missing))
    layers = config.num_hidden_layers
    return sized(config, [config.hidden_size // size] * layers, [widest] * layers), made


def require_layers_of_their_own(config: EncoderConfig) -> None:
    """Raise a UserError where layers cannot lose heads or neurons each for itself."""
    if config.shared != "none":
        raise UserError(
            f"The layers of this encoder share weights (shared = {config.shared!r}), so that none can lose heads or "
            "neurons of its own. Give a model whose layers have weights of their own."
        )
    if config.bottleneck:
        raise UserError(
            "The layers of this encoder are bottlenecks (MobileBERT), whose heads and neurons cannot be cut here. "
            "Give a BERT, or drop layers."
        )


@torch.no_grad()
def densified(subject: Subject) -> Subject:
    """Return a copy of the subject in the shape that `densify` gives it."""
    old = subject.network
    config, tensors = densify(subject.bert.config, old.state_dict())
    network = subject.goal.network(config, subject.bert.vocab_size).to(subject.bert.device)
    network.load_state_dict(tensors)
    network.bert.compute_dtype = old.bert.compute_dtype
    return replace(subject, network=network.train(old.training))


@torch.no_grad()
def keep(encoder: Encoder, heads: Kept, neurons: Kept) -> None:
    """Leave an encoder only those heads and neurons of each layer, in that order; see `cut`."""
    config, tensors = cut(encoder.config, encoder.encoder.state_dict(prefix="encoder."), heads, neurons)
    example = next(encoder.encoder.parameters())
    layers = Layers(config).to(device=example.device, dtype=example.dtype).train(encoder.training)
    layers.load_state_dict({name.removeprefix("encoder."): tensor for name, tensor in tensors.items()})
    encoder.encoder, encoder.config = layers, config


def _axes(names: Mapping[str, Tensor]) -> Iterator[tuple[str, _Axis]]:
    """Yield the tensors that run over heads or neurons; biases of what comes back to the width do not."""
    for name in names:
        if not (found := _NAME.search(name)):
            continue
        layer, module, kind = int(found[1]), found[2], found[3]
        if module in _HEADS_IN_ROWS:
            yield name, _Axis(layer, "heads", 0)
        elif module == "intermediate.dense":
            yield name, _Axis(layer, "neurons", 0)
        elif kind == "weight" and module == "attention.output.dense":
            yield name, _Axis(layer, "heads", 1)
        elif kind == "weight" and module == "output.dense":
            yield name, _Axis(layer, "neurons", 1)


def sized(config: EncoderConfig, heads: list[int], neurons: list[int]) -> EncoderConfig:
    """Return the configuration of layers with so many heads and neurons, in the plainest words there are."""
    size = config.head_width
    full = config.hidden_size // size
    same_heads, same_width = (len(set(each)) == 1 and each[0] > 0 for each in (heads, neurons))
    fills = same_heads and heads[0] * size == config.hidden_size
    sizes = {
        "num_attention_heads": heads[0] if same_heads else full,
        "head_size": 0 if fills else size,
        "layer_heads": [] if same_heads else heads,
        "intermediate_size": max(1, *neurons),
        "layer_widths": [] if same_width else neurons,
    }
    return EncoderConfig.model_validate({**config.model_dump(), **sizes})


def _numbers(kept: Sequence[int]) -> Tensor:
    return torch.tensor(list(kept), dtype=torch.int64)
