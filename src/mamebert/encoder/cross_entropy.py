"""Cross entropy over the vocabulary without keeping a second copy of the logits.

The logits of the chosen tokens are the largest array of pretraining. They are turned into their own
gradient in place, some rows at a time, while they are still in the processor's cache; softmax, loss and
gradient then cost one pass over memory. torch.nn.functional.cross_entropy makes four.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ROWS = 64  # rows of 32,000 float32 logits: 8 MB, about a core's share of the cache


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        num_rows, scale = len(targets), 1.0 / len(targets)
        table, shift = weight.to(hidden.dtype), bias.float()
        learns_weight = ctx.needs_input_grad[1]
        kept = hidden.new_empty(num_rows if learns_weight else 0, len(table))
        d_hidden, d_bias = torch.empty_like(hidden), torch.zeros_like(shift)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, num_rows, ROWS):
            rows = slice(start, start + ROWS)
            logits = (hidden[rows] @ table.T).float().add_(shift)
            wanted = targets[rows, None]
            # log(sum(exp)) with the largest logit taken out, so that exp stays finite
            top = logits.amax(1, keepdim=True)
            at_target = logits.gather(1, wanted)
            sums = logits.sub_(top).exp_().sum(1, keepdim=True)
            total += (sums.log() + top - at_target).sum()
            gradient = logits.mul_(scale / sums).scatter_add_(1, wanted, logits.new_full(wanted.shape, -scale))
            d_bias += gradient.sum(0)
            gradient = gradient.to(hidden.dtype)
            d_hidden[rows] = gradient @ table
            if learns_weight:
                kept[rows] = gradient
        d_weight = (kept.T @ hidden).to(weight.dtype) if learns_weight else None
        ctx.save_for_backward(d_hidden, d_weight, d_bias)
        return total * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return *(None if g is None else g * upstream.to(g.dtype) for g in ctx.saved_tensors), None


def vocabulary_cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross entropy, in nats, of `hidden @ weight.T + bias` against `targets`.

    `hidden` [chosen, width], `weight` [vocabulary, width], `bias` [vocabulary], `targets` [chosen].
    No gradient of `weight` is computed when it is frozen.
    """
    loss: Tensor = _CrossEntropy.apply(hidden, weight, bias, targets)  # type: ignore[no-untyped-call]
    return loss
