"""Heads that are linear layers one after the other, by the names of their weights: what kernels read of them."""

from typing import NamedTuple

from mamebert.checkpoints.laid_out import ENCODER, within
from mamebert.encoder.named.kernel_parts import Weights, dense_parts, pooler_step
from mamebert.encoder.named.parameters import Shapes, parameter_shapes
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.packed_encoder import StepParts
from mamebert.tasks import Task

HEAD = "head."
"""How the names of a head's parameters begin in a `TaskNetwork`; in files they begin without."""


class LinearHeadNames(NamedTuple):
    """A linear layer, over the pooler or the prediction head of the encoder or over what is read."""

    layer: str
    """Its name."""
    is_pooled: bool

    def weights(self) -> list[str]:
        """Return the names of the weights of its dense layers."""
        return [*([f"{ENCODER}pooler.dense.weight"] if self.is_pooled else []), f"{self.layer}.weight"]

    def shapes(self, config: EncoderConfig, outputs: int) -> Shapes:
        """Return the shapes of its parameters, by their names."""
        every = parameter_shapes(config, 1).items() if self.is_pooled else ()
        pooler = {f"{ENCODER}{name}": shape for name, shape in every if name.startswith("pooler.")}
        layer = {f"{self.layer}.weight": (outputs, config.hidden_size), f"{self.layer}.bias": (outputs,)}
        return {**pooler, **layer}


def head_names(task: Task, reading: Reading, config: EncoderConfig) -> LinearHeadNames | None:
    """Return what the head of a task's network is, where it is a linear layer over last hidden states; None elsewhere.

    Outputs of tokens have no pooler before them, but a prediction head.
    """
    layer = task.linear_head
    if not layer or config.bottleneck or not reading.is_last_state(config.num_hidden_layers):
        return None
    is_read = task.reads == "first" or config.has_prediction_head
    return LinearHeadNames(HEAD + layer, reading.is_plain(config) and is_read)


def head_steps(names: LinearHeadNames, config: EncoderConfig, weights: Weights) -> list[StepParts]:
    """Return the dense layers of a head, one after the other; `weights` are those of a network, by its names."""
    return [
        *([pooler_step(config, within(weights))] if names.is_pooled else []),
        StepParts(dense_parts(names.layer, weights)),
    ]
