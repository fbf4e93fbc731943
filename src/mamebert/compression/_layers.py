"""Fewer layers of the same network."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from mamebert.compression import Subject
from mamebert.encoder.carry_over import layer_from
from mamebert.encoder.settings import EncoderConfig

BY_LAYER = ("layer_heads", "layer_widths")


def keep_layers(subject: Subject, numbers: Sequence[int]) -> Subject:
    """Return a subject with only these layers, counted from 0 and in this order; everything else is copied."""
    old, config = subject.network, subject.bert.config
    sizes = {name: [given[n] for n in numbers] for name in BY_LAYER if (given := getattr(config, name))}
    # The sharing of weights between layers is given up where layers go: copies are as good and always fit.
    shape = EncoderConfig.model_validate(
        {**config.model_dump(), "num_hidden_layers": len(numbers), "shared": "none", **sizes}
    )
    network = subject.goal.network(shape, subject.bert.vocab_size)
    stored = old.state_dict()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.copy_(stored[layer_from(name, numbers)])
    network.to(old.bert.device)
    network.bert.compute_dtype = old.bert.compute_dtype
    return replace(subject, network=network)
