"""The sharpness of the loss: the top eigenvalue of its Hessian, without ever forming it.

A Hessian-vector product is the gradient of (gradient · vector), which a second backward pass gives; power iteration
over such products finds the eigenvalue of the largest magnitude (Yao et al., 2018; Dong et al., HAWQ, 2019). Where
the loss bends sharply, rounding costs most.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import copysign
from typing import Any

import torch
from torch import Tensor, nn

from mamebert.compression.contract import Subject
from mamebert.kernels import torch_only
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.training.loop import derive_seed


def top_eigenvalue(
    loss: Callable[[], Tensor], weights: Sequence[Tensor], num_steps: int = 20, tolerance: float = 1e-3, seed: int = 0
) -> float:
    """Return the Hessian's eigenvalue of the largest magnitude, with its sign; other weights are held fixed.

    The magnitude is the length of a product with a unit vector that has turned to where products are longest. The
    scalar product of both, which gives the sign, would average eigenvalues of both signs that tie.

    `loss` must allow two backward passes, and all `weights` must take part in it. Ends after `num_steps` products, or
    when one changes the estimate by less than `tolerance` of it. Unit: loss per squared weight.
    """
    gradients = torch.autograd.grad(loss(), weights, create_graph=True)
    random = torch.Generator().manual_seed(seed)
    vector = _normalised([torch.randn(w.shape, generator=random).to(w) for w in weights])[0]
    found = along = 0.0
    for _ in range(num_steps):
        product = torch.autograd.grad(gradients, weights, vector, retain_graph=True, materialize_grads=True)
        along = float(torch.stack([(a * b).sum() for a, b in zip(vector, product, strict=True)]).sum())
        before, (vector, found) = found, _normalised(product)
        if abs(found - before) <= tolerance * found:
            break
    return copysign(found, along)


def sensitivity(eigenvalues: Sequence[float]) -> float:
    """Return |mean| + standard deviation of a layer's top eigenvalues over shards of data (Shen et al., 2020).

    The mean alone would call a layer calm that is sharp on some data and flat on other.
    """
    values = torch.tensor(list(eigenvalues), dtype=torch.float64)
    return float(values.mean().abs() + values.std(correction=0))


def layer_eigenvalues(
    subject: Subject, batches: Sequence[Any], num_steps: int = 10, tolerance: float = 0.02, seed: int = 0
) -> list[list[float]]:
    """Return, for each layer of the encoder, the top eigenvalue on each batch, by the matrices of that layer alone.

    Layers that share their weights have the same. Dropout is off.
    """
    layers = [_matrices(layer) for layer in subject.bert.encoder.layer]
    found: dict[tuple[int, ...], list[float]] = {}
    with _twice_differentiable(subject):
        for number, weights in enumerate(layers):
            if not weights or _key(weights) in found:
                continue
            found[_key(weights)] = [
                top_eigenvalue(
                    lambda batch=batch: _loss(subject, batch),  # type: ignore[misc]
                    weights,
                    num_steps,
                    tolerance,
                    derive_seed(seed, "hessian", number, shard),
                )
                for shard, batch in enumerate(batches)
            ]
    return [found[_key(weights)] if weights else [0.0] * len(batches) for weights in layers]


def _loss(subject: Subject, batch: Any) -> Tensor:
    if isinstance(batch, PretrainingBatch):
        # The objective's own masked-word loss computes its gradient in its forward pass and bends no second time.
        return nn.functional.cross_entropy(subject.goal.outputs(subject.network, batch), batch.targets)
    return subject.goal.loss(subject.network, batch).total


def _matrices(layer: nn.Module) -> list[Tensor]:
    return [each.weight for each in layer.modules() if isinstance(each, nn.Linear) and each.weight.numel()]


def _key(weights: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(map(id, weights))


@contextmanager
def _twice_differentiable(subject: Subject) -> Iterator[None]:
    """Take the padded pass in plain torch: native kernels, and fused attention, go backward once."""
    encoder, training = subject.bert, subject.network.training
    altered, encoder.altered = encoder.altered, True
    subject.network.eval()
    try:
        with torch_only(), torch.enable_grad():
            yield
    finally:
        encoder.altered = altered
        subject.network.train(training)


def _normalised(vector: Sequence[Tensor]) -> tuple[list[Tensor], float]:
    length = float(torch.stack([each.detach().square().sum() for each in vector]).sum().sqrt())
    return [each.detach() / (length or 1.0) for each in vector], length
