"""The importance of each head and each feed-forward neuron."""

from collections.abc import Sequence
from math import ceil
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor

from mamebert.compression.contract import Subject
from mamebert.encoder.layer import Layer
from mamebert.errors import UserError

Measure = Literal["gradient", "magnitude"]
"""gradient: how the loss would change, to first order, if the part were switched off. magnitude: how long its weights
are."""


class Importance(NamedTuple):
    """Scores, higher for what is needed more, comparable within a layer. float64, on the CPU."""

    heads: list[Tensor]
    """[heads] for each layer."""
    neurons: list[Tensor]
    """[neurons] for each layer."""


def importance(subject: Subject, batches: Sequence[Any], by: Measure = "gradient") -> Importance:
    """Return what heads and neurons are worth on these batches, which `magnitude` does not look at.

    Heads: |dL/dgate|, the gate a factor on what the head gives (Michel, Levy and Neubig, 2019). Neurons, as in DynaBERT
    (Hou et al., 2020): |Σ w₁g₁ + b₁g₁'| + |Σ w₂g₂| over the weights w into and out of the neuron and their gradients g.
    Both are summed over the batches.
    """
    size = subject.bert.config.head_width
    layers = [cast(Layer, layer) for layer in subject.bert.encoder.layer]
    if by == "magnitude":
        return Importance(
            [_head_lengths(layer, size) for layer in layers], [_neuron_lengths(layer) for layer in layers]
        )
    subject.network.eval()
    found = [_of_batch(layers, size, subject.goal.loss(subject.network, batch).total) for batch in batches]
    heads, neurons = (
        [torch.stack(of_layer).sum(0) for of_layer in zip(*of_batches, strict=True)]
        for of_batches in zip(*found, strict=True)
    )
    return Importance(heads, neurons)


def ranked(scores: Sequence[Tensor]) -> list[list[int]]:
    """Return the numbers of the parts of each layer, the most important first."""
    return [each.argsort(descending=True, stable=True).tolist() for each in scores]


def best_of_each(scores: Sequence[Tensor], remove_rate: float, what: str) -> list[list[int]]:
    """Return which parts stay, in rising order, when every layer loses the same share, least important first."""
    best = [order[: num_kept(len(order), remove_rate, what)] for order in ranked(scores)]
    return [sorted(each) for each in best]


def best_of_all(scores: Sequence[Tensor], remove_rate: float, what: str) -> list[list[int]]:
    """Return which parts stay, in rising order, when the network loses a share, wherever they are least important.

    Each layer keeps its best one. Scores are compared as they are: see `evened`.
    """
    sizes = [len(each) for each in scores]
    wanted = max(sum(map(bool, sizes)), num_kept(sum(sizes), remove_rate, what))
    flat = torch.cat(list(scores))
    starts = torch.tensor([0, *sizes]).cumsum(0)[:-1]
    for start, each in zip(starts, scores, strict=True):
        if len(each):
            flat[start + each.argmax()] = torch.inf
    kept = torch.zeros(len(flat), dtype=torch.bool)
    kept[flat.argsort(descending=True, stable=True)[:wanted]] = True
    return [each.nonzero().flatten().tolist() for each in kept.split(sizes)]


def evened(scores: Sequence[Tensor]) -> list[Tensor]:
    """Return the scores of each layer divided by their length, which makes layers comparable (Michel et al., 2019)."""
    return [each / each.norm().clamp_min(torch.finfo(each.dtype).tiny) for each in scores]


def num_kept(number: int, remove_rate: float, what: str) -> int:
    """Return how many of `number` parts stay; a share that leaves nothing, or takes nothing, is a UserError."""
    kept = round(number * (1 - remove_rate))
    if number == 1 and remove_rate:
        raise UserError(f"There is one of the {what} here, and it has to stay. Set the share of {what} that goes to 0.")
    if number and not kept:
        raise UserError(
            f"Without a share of {remove_rate:g} of its {number} {what} nothing would be left. "
            f"Remove at most {1 - 1 / number:.2f} of the {what}."
        )
    if number and remove_rate and kept == number:
        raise UserError(
            f"A share of {remove_rate:g} of {number} {what} is none of them. "
            f"Remove at least {ceil(100 / number) / 100:.2f} of the {what}, or 0."
        )
    return kept


def _of_batch(layers: Sequence[Layer], size: int, loss: Tensor) -> Importance:
    """Return the scores that one batch gives."""
    kinds = (
        [layer.attention.output.dense.weight for layer in layers],
        [layer.intermediate.dense.weight for layer in layers],
        [layer.intermediate.dense.bias for layer in layers],
        [layer.output.dense.weight for layer in layers],
    )
    gradients = iter(torch.autograd.grad(loss, [weight for kind in kinds for weight in kind]))
    mixed, into, biases, out = (
        [(weight * next(gradients)).detach().double().cpu() for weight in kind] for kind in kinds
    )
    # Weight times gradient, summed over all that a head gives, is the gradient of a gate on it.
    heads = [each.sum(0).unflatten(0, (-1, size)).sum(1).abs() for each in mixed]
    neurons = [(a.sum(1) + b).abs() + c.sum(0).abs() for a, b, c in zip(into, biases, out, strict=True)]
    return Importance(heads, neurons)


@torch.no_grad()
def _head_lengths(layer: Layer, size: int) -> Tensor:
    attention = layer.attention.self
    into = [_squares(each.weight) for each in (attention.query, attention.key, attention.value)]
    all_of_them = torch.stack([*into, _squares(layer.attention.output.dense.weight.T)]).sum(0)
    lengths: Tensor = all_of_them.unflatten(0, (-1, size)).sum(1).sqrt()
    return lengths


@torch.no_grad()
def _neuron_lengths(layer: Layer) -> Tensor:
    return (_squares(layer.intermediate.dense.weight) + _squares(layer.output.dense.weight.T)).sqrt()


def _squares(weight: Tensor) -> Tensor:
    """Return the sum over each row, float64 on the CPU."""
    return weight.double().cpu().square().sum(1)
