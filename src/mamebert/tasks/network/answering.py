"""From what a network reads to answers, whatever the task and whatever computes them."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mamebert.errors import not_finite
from mamebert.tasks import Answer, Raw, Task
from mamebert.tasks.data.batching import batches
from mamebert.tasks.data.features import Features, Laid, TaskBatch, TaskState, lay

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Network(Protocol):
    """What answers a task."""

    @property
    def device(self) -> "torch.device":
        """Where it computes."""

    def eval(self) -> Any:
        """Draw nothing at random from now on."""

    def __call__(self, batch: TaskBatch) -> Any:
        """Return the head's output."""

    def gather(self, batch: TaskBatch) -> "Tensor":
        """Return what lies between the rows and the head."""

    def conclude(self, gathered: "Tensor", batch: TaskBatch) -> Any:
        """Return the head's output for what was gathered."""


def raw_outputs(
    task: Task,
    network: Network,
    features: Sequence[Features],
    batch_tokens: int = 16_384,
    gather: "Callable[[TaskBatch], Tensor] | None" = None,
    beside: Callable[[Any, TaskBatch], None] | None = None,
) -> list[Raw]:
    """Return the head's output for each example, in the order given; `gather` gives hidden states that are kept.

    `beside` is told what the head gives for each batch. A network that is made ready may give what it answers in one
    call, as `answered` of what is laid end to end, and then nothing else is asked of it. Outputs that are no finite
    numbers, which huge weights give, are a UserError.
    """
    at_once = None if gather or beside else getattr(network, "answered", None)
    # Examples of like length share a batch, so that attention groups them.
    order = sorted(range(len(features)), key=lambda row: -features[row].num_tokens)
    found: dict[int, Raw] = {}
    for rows in batches(features, order, batch_tokens):
        laid = lay(features, rows)
        outputs = at_once(laid) if at_once else None
        raws = task.raws(outputs, laid) if outputs is not None else _by_modules(task, network, laid, gather, beside)
        found |= zip(rows, raws, strict=True)
    if not all(np.isfinite(raw).all() for raw in found.values()):
        raise not_finite()
    return [found[row] for row in range(len(features))]


def _by_modules(
    task: Task,
    network: Network,
    laid: Laid,
    gather: "Callable[[TaskBatch], Tensor] | None",
    beside: Callable[[Any, TaskBatch], None] | None,
) -> list[Raw]:
    import torch

    if getattr(network, "training", True):  # to go through all modules takes a sixth of one short text's time
        network.eval()
    with torch.no_grad():
        batch = laid.batch().to(network.device)
        given = network.conclude(gather(batch), batch) if gather else network(batch)
        raws = task.raws(given, batch)
        if beside:
            beside(given, batch)
    return raws


def answers_of(task: Task, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
    """Return the task's answers; one with a number that is not finite is a UserError, for JSON has none."""
    found = task.answers(raws, features, learnt)
    if not all(_is_finite(each) for each in found):
        raise not_finite()
    return found


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float | np.floating) or isfinite(value)
