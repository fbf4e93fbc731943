"""A linear classifier on vectors of one layer, or on a mixture of all of them (Tenney et al., 2019)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

STEPS, RATE, DECAY = 120, 0.05, 1e-3
"""Full batches of AdamW: the loss of a few thousand words no longer falls then."""


class Learnt(NamedTuple):
    """A classifier after learning."""

    right: Tensor
    """bool [test vectors]: whether its answer is right."""
    weights: Tensor
    """float32 [layers]: what each layer counts in the mixture; they sum to 1."""


def learn(train: Tensor, labels: Tensor, test: Tensor, gold: Tensor, num_labels: int, seed: int) -> Learnt:
    """Learn from `train` [layers, vectors, width] and answer about `test`; one layer is a mixture of itself.

    Vectors are standardised, number by number, with the mean and deviation of those learnt from. The same seed gives
    the same answers.
    """
    middle, wide = train.mean(1, keepdim=True), train.std(1, keepdim=True).clamp_min(1e-6)
    train, test = (train - middle) / wide, (test - middle) / wide
    rng = torch.Generator().manual_seed(seed)
    matrix = (torch.randn(train.shape[-1], num_labels, generator=rng) * 0.01).requires_grad_()
    bias, mix = torch.zeros(num_labels, requires_grad=True), torch.zeros(len(train), requires_grad=True)
    optimizer = torch.optim.AdamW([matrix, bias, mix], lr=RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        optimizer.zero_grad()
        mixed = torch.einsum("l,lvw->vw", mix.softmax(0), train) if len(train) > 1 else train[0]
        cross_entropy(mixed @ matrix + bias, labels).backward()
        optimizer.step()
    with torch.no_grad():
        weights = mix.softmax(0)
        answers = (torch.einsum("l,lvw->vw", weights, test) @ matrix + bias).argmax(-1)
        return Learnt(answers == gold, weights)
