"""Cross entropy over the vocabulary without keeping a second copy of the logits.

The logits of the chosen tokens are the largest array of pretraining. They are turned into their own
gradient in place, some rows at a time, while they are still in the processor's cache; softmax, loss and
gradient then cost one pass over memory. torch.nn.functional.cross_entropy makes four.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mamebert.kernels.native import native, require_within, type_name

# Rows at a time: what a matrix product needs to be near its best. 256 rows of 32,000 float32 logits are 33 MB.
ROWS = {"cpu": 768, "cuda": 4096}


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, scale: float) -> Tensor:
        table, shift = weight.to(hidden.dtype), bias.float()
        library, learns_weight = native(hidden), ctx.needs_input_grad[1]
        at_a_time = ROWS.get(hidden.device.type, 1024)
        space = hidden.new_empty(min(at_a_time, len(targets)), len(table))
        d_hidden, d_bias, d_weight = torch.empty_like(hidden), torch.zeros_like(shift), None
        losses = shift.new_empty(len(targets))
        for start in range(0, len(targets), at_a_time):
            rows = slice(start, start + at_a_time)
            logits = torch.mm(hidden[rows], table.T, out=space[: len(targets[rows])])
            if library:
                name = f"cross_entropy_{type_name(hidden)}"
                library(name, logits, shift, targets[rows], losses[rows], d_bias, *logits.shape, scale)
                gradient = logits
            else:
                gradient = _gradient(logits, shift, targets[rows], losses[rows], d_bias, scale)
            torch.mm(gradient, table, out=d_hidden[rows])
            if learns_weight:
                d_weight = _add_product(d_weight, gradient, hidden[rows])
        ctx.save_for_backward(d_hidden, d_weight, d_bias)
        return losses.sum() * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        # The usual case: nothing stands between this loss and what is minimised. (On a GPU, asking would wait for it.)
        one = upstream.device.type == "cpu" and float(upstream) == 1
        return *(g if g is None or one else g * upstream.to(g.dtype) for g in ctx.saved_tensors), None, None


def vocabulary_cross_entropy(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, divisor: int | None = None
) -> Tensor:
    """Return the summed cross entropy, in nats, of `hidden @ weight.T + bias` against `targets`, over `divisor`.

    `hidden` [chosen, width], `weight` [vocabulary, width], `bias` [vocabulary], `targets` int64 [chosen]. Without
    `divisor` the mean. No gradient of `weight` is computed when it is frozen.
    """
    if hidden.dim() != 2 or targets.shape != hidden.shape[:1]:
        raise ValueError(
            f"hidden {tuple(hidden.shape)} and targets {tuple(targets.shape)} are no rows and their targets."
        )
    require_within(targets, len(weight), "target")
    scale = 1.0 / max(1, len(targets) if divisor is None else divisor)
    loss: Tensor = _CrossEntropy.apply(hidden, weight, bias, targets, scale)  # type: ignore[no-untyped-call]
    return loss


def _gradient(logits: Tensor, bias: Tensor, targets: Tensor, losses: Tensor, d_bias: Tensor, scale: float) -> Tensor:
    exact, wanted = logits.float().add_(bias), targets[:, None]
    # log(sum(exp)) with the largest logit taken out, so that exp stays finite
    top = exact.amax(1, keepdim=True)
    at_target = exact.gather(1, wanted)
    sums = exact.sub_(top).exp_().sum(1, keepdim=True)
    losses.copy_((sums.log() + top - at_target).squeeze(1))
    gradient = exact.mul_(scale / sums).scatter_add_(1, wanted, exact.new_full(wanted.shape, -scale))
    d_bias += gradient.sum(0)
    return gradient.to(logits.dtype)


def _add_product(so_far: Tensor | None, gradient: Tensor, hidden: Tensor) -> Tensor:
    # Sums of several parts are made in float32: bfloat16 would lose what the later ones add.
    if so_far is None:
        return (gradient.T @ hidden).float()
    return so_far.addmm_(gradient.T, hidden) if hidden.dtype == torch.float32 else so_far.add_(gradient.T @ hidden)
