"""One set of weights, many networks: the first heads and neurons of each layer, and some of the layers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mamebert.compression.contract import Subject
from mamebert.compression.pruning.layers import keep_layers
from mamebert.compression.pruning.uneven_shapes import cut, keep
from mamebert.encoder.model import Encoder
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError


class Size(NamedTuple):
    """Which part of the network."""

    width: float
    """Share of the heads and of the neurons of each layer."""
    depth: float
    """Share of the layers."""


def layers_at(depth: float, num_layers: int) -> list[int]:
    """Return the layers that stay at a depth, counted from 0: those at i / depth, rounded down (Hou et al., 2020)."""
    kept = round(depth * num_layers)
    if not kept:
        raise UserError(
            f"A depth of {depth:g} leaves none of {num_layers} layers. Choose {1 / num_layers:.2f} or more."
        )
    # The least bit more keeps 3 / 0.75 from being 3.999...
    return [min(num_layers - 1, int(i / depth + 1e-9)) for i in range(kept)]


def first_at(width: float, config: EncoderConfig) -> tuple[list[list[int]], list[list[int]]]:
    """Return the first heads and neurons of each layer at a width; heads that it does not divide are a UserError."""
    heads = [_whole(width * count, width, count) for count in config.heads_by_layer]
    neurons = [max(min(1, count), int(width * count + 1e-9)) for count in config.widths_by_layer]
    return [list(range(count)) for count in heads], [list(range(count)) for count in neurons]


def states_to_match(depth: float, num_layers: int) -> list[int]:
    """Return for each state of the shallower network the one of the whole that says the same.

    What goes into a layer is to be what goes into it in the whole, and what comes out at the end likewise.
    """
    return [*layers_at(depth, num_layers), num_layers]


def extract(subject: Subject, size: Size) -> Subject:
    """Return a copy of one of the networks, as a network of its own."""
    copied = keep_layers(subject, layers_at(size.depth, subject.bert.config.num_hidden_layers))
    keep(copied.bert, *first_at(size.width, copied.bert.config))
    return copied


class Elastic:
    """Runs any of the networks that a subject contains; gradients reach the subject's own weights."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._frames: dict[Size, _Frame] = {}

    def states(self, batch: Any, width: float, depths: Sequence[float]) -> list[list[Tensor]]:
        """Return the states [tokens, hidden_size] of the networks of one width, one list for each depth."""
        bert = self.subject.bert
        whole = {f"encoder.{name}": tensor for name, tensor in bert.encoder.named_parameters()}
        config, narrow = cut(bert.config, whole, *first_at(width, bert.config))
        return [self._run(batch.packed, Size(width, depth), config, narrow) for depth in depths]

    def _run(
        self, packed: Packed, size: Size, config: EncoderConfig, tensors: Mapping[str, Tensor]
    ) -> list[Tensor]:  # fmt: skip
        kept = layers_at(size.depth, config.num_hidden_layers)
        if size not in self._frames:
            self._frames[size] = _Frame(self.subject.bert, _of_layers(config, kept))
        frame = self._frames[size].train(self.subject.bert.training)
        frame.encoder.compute_dtype = self.subject.bert.compute_dtype
        named = {
            f"encoder.encoder.layer.{new}.{name.removeprefix(f'encoder.layer.{old}.')}": tensor
            for new, old in enumerate(kept)
            for name, tensor in tensors.items()
            if name.startswith(f"encoder.layer.{old}.")
        }
        found: list[Tensor] = functional_call(frame, named, (packed,))
        return found


class _Frame(nn.Module):
    """An encoder whose layers have a shape and no weights; those come with the call."""

    def __init__(self, whole: Encoder, config: EncoderConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config, config.pad_token_id + 1)
        self.encoder.embeddings, self.encoder.pooler = whole.embeddings, whole.pooler
        self.encoder.encoder.to(torch.device("meta"))

    def forward(self, packed: Packed) -> list[Tensor]:
        """Return all states."""
        return list(self.encoder.hidden_states(packed))


def _of_layers(config: EncoderConfig, kept: Sequence[int]) -> EncoderConfig:
    sizes = {
        name: [given[n] for n in kept] for name in ("layer_heads", "layer_widths") if (given := getattr(config, name))
    }
    return EncoderConfig.model_validate({**config.model_dump(), "num_hidden_layers": len(kept), **sizes})


def _whole(wanted: float, width: float, heads: int) -> int:
    number = round(wanted)
    if abs(wanted - number) > 1e-6 or (heads and not number):
        shares = ", ".join(f"{k / heads:.3g}" for k in range(1, heads + 1))
        raise UserError(
            f"A width of {width:g} does not part {heads} attention heads evenly. Choose widths among {shares}."
        )
    return number
