"""Fewer layers of the same network."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from mamebert.compression.contract import Subject
from mamebert.encoder.carry_over import layer_from, require_same_kinds
from mamebert.encoder.settings import EncoderConfig

BY_LAYER = ("layer_heads", "layer_widths")


def keep_layers(subject: Subject, numbers: Sequence[int]) -> Subject:
    """Return a subject with only these layers, counted from 0 and in this order; everything else is copied."""
    old, shape = subject.network, shape_of_layers(subject.bert.config, numbers)
    network = subject.goal.network(shape, subject.bert.vocab_size)
    stored = old.state_dict()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.copy_(stored[layer_from(name, numbers)])
    network.to(old.bert.device)
    network.bert.compute_dtype = old.bert.compute_dtype
    return replace(subject, network=network)


def shape_of_layers(config: EncoderConfig, numbers: Sequence[int]) -> EncoderConfig:
    """Return the shape with only these layers, counted from 0 and in this order.

    A layer that would come to where layers are of another kind is a UserError.
    """
    require_same_kinds(config, numbers)
    sizes = {name: [given[n] for n in numbers] for name in BY_LAYER if (given := getattr(config, name))}
    return EncoderConfig.model_validate(
        {
            **config.model_dump(),
            "pooler_act": config.pooler_act,
            "num_hidden_layers": len(numbers),
            **_sharing(config, len(numbers)),
            **sizes,
        }
    )


def _sharing(config: EncoderConfig, num_layers: int) -> dict[str, object]:
    """Return what the layers that stay have in common: all they had, or what a plain class can still say of it."""
    if config.shared == "groups":
        return {"num_hidden_groups": num_layers}  # each a group of its own: they may be of any of the former ones
    return {} if config.shared == "all" else {"shared": "none"}
