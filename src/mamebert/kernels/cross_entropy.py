"""Cross entropy over the vocabulary without keeping a second copy of the logits.

The logits of the chosen tokens are the largest array of pretraining. They are turned into their own
gradient in place, some rows at a time, while they are still in the processor's cache; softmax, loss and
gradient then cost one pass over memory. torch.nn.functional.cross_entropy makes four.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

from mamebert.kernels.native import native, require_within, type_name

# Rows at a time: what a matrix product needs to be near its best. 256 rows of 32,000 float32 logits are 33 MB.
ROWS = {"cpu": 768, "cuda": 4096}


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, copies: Tensor | None, targets: Tensor, scale: float,
        may_copy: Tensor | None, z_loss: float,
    ) -> Tensor:  # fmt: skip
        table, shift = weight.to(hidden.dtype), bias.float()
        library, learns_weight = native(hidden), ctx.needs_input_grad[1]
        at_a_time = ROWS.get(hidden.device.type, 1024)
        space = hidden.new_empty(min(at_a_time, len(targets)), len(table))
        d_hidden, d_bias, d_weight = torch.empty_like(hidden), torch.zeros_like(shift), None
        losses = shift.new_empty(len(targets))
        d_copies = None if copies is None else torch.empty_like(losses)
        is_plain = copies is None and not z_loss
        as_if_plain = d_bias if is_plain else torch.empty_like(d_bias)
        for start in range(0, len(targets), at_a_time):
            rows = slice(start, start + at_a_time)
            logits = torch.mm(hidden[rows], table.T, out=space[: len(targets[rows])])
            wanted = targets[rows, None]
            at_target = logits.gather(1, wanted).squeeze(1).float() + shift[targets[rows]] if z_loss else None
            if library:
                name = f"cross_entropy_{type_name(hidden)}"
                library(name, logits, shift, targets[rows], losses[rows], as_if_plain, *logits.shape, scale)
                gradient = logits
            else:
                gradient = _gradient(logits, shift, targets[rows], losses[rows], as_if_plain, scale)
            if at_target is not None:
                # The gradient of z · lse², 2 z lse · softmax, is that factor of what is there and of the target's one.
                lse = losses[rows] + at_target
                losses[rows] += z_loss * lse.square()
                factor = (2 * z_loss * lse).to(gradient.dtype)[:, None]
                gradient.mul_(1 + factor).scatter_add_(1, wanted, scale * factor)
                d_bias += gradient.sum(0, dtype=d_bias.dtype)
            if copies is not None and may_copy is not None and d_copies is not None:
                losses[rows], share = _or_copied(losses[rows], copies[rows], may_copy[rows])
                d_copies[rows] = scale * (copies[rows].sigmoid() - (1 - share))
                gradient.mul_(share[:, None])
                d_bias += gradient.sum(0, dtype=d_bias.dtype)
            torch.mm(gradient, table, out=d_hidden[rows])
            if learns_weight:
                d_weight = _add_product(d_weight, gradient, hidden[rows])
        ctx.save_for_backward(d_hidden, d_weight, d_bias, d_copies)
        return losses.sum() * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        # The usual case: nothing stands between this loss and what is minimised. (On a GPU, asking would wait for it.)
        one = upstream.device.type == "cpu" and float(upstream) == 1
        grads = (g if g is None or one else g * upstream.to(g.dtype) for g in ctx.saved_tensors)
        return *grads, None, None, None, None


def vocabulary_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    divisor: int | None = None,
    z_loss: float = 0.0,
) -> Tensor:
    """Return the summed cross entropy, in nats, of `hidden @ weight.T + bias` against `targets`, over `divisor`.

    `hidden` [chosen, width], `weight` [vocabulary, width], `bias` [vocabulary], `targets` int64 [chosen]. Without
    `divisor` the mean. No gradient of `weight` is computed when it is frozen. To each loss `z_loss` times the square of
    the log of the sum of exponentials is added (PaLM; Chowdhery et al., 2022).
    """
    _require_rows(hidden, targets, weight)
    scale = 1.0 / max(1, len(targets) if divisor is None else divisor)
    loss: Tensor = _CrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, None, targets, scale, None, z_loss
    )
    return loss


def cross_entropy_or_copy(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, copies: Tensor, shown: Tensor, divisor: int
) -> Tensor:
    """Return the same where a row may also copy the token that it was `shown`, int64 [chosen].

    With D = sigmoid of `copies`, [chosen] float32, a target's probability is D, if it is what was shown, plus (1 - D)
    times that of the softmax (all-tokens MLM; Clark et al., 2020, section 3.5).
    """
    _require_rows(hidden, targets, weight)
    loss: Tensor = _CrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, copies, targets, 1.0 / max(1, divisor), shown == targets, 0.0
    )
    return loss


def _require_rows(hidden: Tensor, targets: Tensor, weight: Tensor) -> None:
    if hidden.dim() != 2 or targets.shape != hidden.shape[:1]:
        raise ValueError(
            f"hidden {tuple(hidden.shape)} and targets {tuple(targets.shape)} are no rows and their targets."
        )
    require_within(targets, len(weight), "target")


def _or_copied(losses: Tensor, copies: Tensor, may_copy: Tensor) -> tuple[Tensor, Tensor]:
    """Return the losses when a target may be copied, and what share of its probability the softmax has: [rows] each."""
    said = logsigmoid(-copies) - losses
    together = torch.where(may_copy, torch.logaddexp(logsigmoid(copies), said), said)
    return -together, (said - together).exp()


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
