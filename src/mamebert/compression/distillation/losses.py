"""The terms that losses of distillation are made of, each a plain function.

All are means over what they compare, and zero, with zero gradient, for a student that equals its teacher.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, mse_loss

HIDDEN_BELOW = -100.0
"""Scores as low as this stand for padding (Jiao et al., 2020, their code)."""


def soft_cross_entropy(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Return T² KL(teacher || student) in nats, the mean over rows, of two logits [rows, classes] at temperature T.

    The gradient is that of the cross entropy with the teacher's probabilities; T² keeps its size independent of T
    (Hinton, Vinyals and Dean, 2015). Classes to which the teacher gives -inf do not count.
    """
    found = (student.float() / temperature).log_softmax(-1)
    wanted = (teacher.float() / temperature).log_softmax(-1)
    each = torch.where(wanted == -torch.inf, 0.0, wanted.exp() * (wanted - found))
    return each.sum(-1).mean() * temperature**2


def outputs_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of outputs that are numbers of their own (Ba and Caruana, 2014)."""
    return mse_loss(student.float(), teacher.float())


def hidden_mse(student: Tensor, teacher: Tensor, projection: nn.Module | None = None) -> Tensor:
    """Return the mean squared difference of hidden states [tokens, hidden_size]; `projection` widens the student's."""
    return mse_loss((projection(student) if projection else student).float(), teacher.float())


def cosine_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return 1 - cosine of hidden states [tokens, hidden_size], the mean over tokens (Sanh et al., 2019)."""
    return (1 - cosine_similarity(student.float(), teacher.float(), dim=-1)).mean()


def attention_scores_mse(student: Tensor, teacher: Tensor, visible: Tensor) -> Tensor:
    """Return the mean squared difference of attention scores before the softmax (Jiao et al., 2020).

    Scores are [batch, heads, longest, longest]; `visible` bool [batch, longest] is False at padding, which does not
    count. Scores of -100 and less are taken for 0.
    """
    found, wanted = (torch.where(scores.float() <= HIDDEN_BELOW, 0.0, scores.float()) for scores in (student, teacher))
    pairs = _pairs(visible)
    gaps = torch.where(pairs, (found - wanted) ** 2, 0.0)
    return gaps.sum() / (pairs.sum() * student.shape[1])


def attention_cross_entropy(student: Tensor, teacher: Tensor, visible: Tensor) -> Tensor:
    """Return KL(teacher || student) in nats of attention, the mean over heads and tokens that look (Sun et al., 2020).

    Takes scores before the softmax as `attention_scores_mse` does. It is the cross entropy less the teacher's own
    entropy, which has no gradient.
    """
    found, wanted = (
        scores.float().masked_fill(~visible[:, None, None], -torch.inf).log_softmax(-1) for scores in (student, teacher)
    )
    each = torch.where(_pairs(visible), wanted.exp() * (wanted - found), 0.0)
    return each.sum() / (visible.sum() * student.shape[1])


def _pairs(visible: Tensor) -> Tensor:
    """Return bool [batch, 1, longest, longest]: whether a token that is no padding looks at one that is none."""
    return visible[:, None, :, None] & visible[:, None, None, :]
