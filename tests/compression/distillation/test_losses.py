"""The terms that losses of distillation are made of."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_embedding_loss, cross_entropy, kl_div, softmax
from torch.testing import assert_close

from mamebert.compression.distillation.losses import (
    attention_cross_entropy,
    attention_scores_mse,
    cosine_loss,
    hidden_mse,
    outputs_mse,
    soft_cross_entropy,
)

VISIBLE = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


TERMS = {
    "soft cross entropy": (soft_cross_entropy, (6, 4), ()),
    "soft cross entropy at 4": (soft_cross_entropy, (6, 4), (4.0,)),
    "outputs": (outputs_mse, (6, 4), ()),
    "hidden states": (hidden_mse, (6, 8), ()),
    "cosine": (cosine_loss, (6, 8), ()),
    "attention scores": (attention_scores_mse, (2, 3, 5, 5), (VISIBLE,)),
    "attention": (attention_cross_entropy, (2, 3, 5, 5), (VISIBLE,)),
}


@pytest.mark.parametrize("name", TERMS)
def test_a_student_that_equals_its_teacher_has_nothing_to_learn(name):
    term, shape, more = TERMS[name]
    student = drawn(*shape).requires_grad_()
    loss = term(student, student.detach().clone(), *more)
    loss.backward()

    assert_close(loss.detach(), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert_close(student.grad, torch.zeros(shape), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", TERMS)
def test_another_student_has(name):
    term, shape, more = TERMS[name]
    student = drawn(*shape, seed=1).requires_grad_()
    loss = term(student, drawn(*shape), *more)
    loss.backward()

    assert loss > 0.01
    assert student.grad.abs().max() > 1e-3


def test_soft_targets_are_the_divergence_that_torch_computes():
    student, teacher = drawn(6, 4), drawn(6, 4, seed=1)
    expected = kl_div((student / 2).log_softmax(-1), softmax(teacher / 2, -1), reduction="batchmean") * 4

    assert_close(soft_cross_entropy(student, teacher, 2.0), expected)


def test_certain_soft_targets_are_the_cross_entropy():
    student, targets = drawn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    certain = torch.full((6, 4), -torch.inf).scatter(1, targets[:, None], 0.0)

    assert_close(soft_cross_entropy(student, certain), cross_entropy(student, targets))


def test_at_high_temperatures_the_gradient_is_that_of_the_logits_differences():
    """Hinton, Vinyals and Dean (2015), section 2.1, for logits with a mean of zero."""
    student, teacher = (each - each.mean(-1, keepdim=True) for each in (drawn(6, 4).double(), drawn(6, 4, seed=1)))
    student.requires_grad_()
    soft_cross_entropy(student, teacher, 1000.0).backward()

    assert_close(student.grad, ((student - teacher) / (4 * 6)).detach(), rtol=0.01, atol=1e-5)


def test_outputs_that_do_not_exist_for_the_teacher_give_no_gradient():
    student, teacher = drawn(2, 3).requires_grad_(), drawn(2, 3, seed=1)
    teacher[0, 2] = -torch.inf
    loss = soft_cross_entropy(student.masked_fill(teacher == -torch.inf, -torch.inf), teacher)
    loss.backward()

    assert loss.isfinite()
    assert student.grad.isfinite().all()
    assert student.grad[0, 2] == 0


def test_the_cosine_term_is_the_embedding_loss_with_target_one():
    student, teacher = drawn(6, 8), drawn(6, 8, seed=1)

    assert_close(cosine_loss(student, teacher), cosine_embedding_loss(student, teacher, torch.ones(6)))


def test_a_projection_widens_the_student():
    projection = nn.Linear(3, 8)
    student, teacher = drawn(6, 3), drawn(6, 8, seed=1)

    assert_close(hidden_mse(student, teacher, projection), ((projection(student) - teacher) ** 2).mean())
    assert hidden_mse(student, projection(student), projection) == 0


@pytest.mark.parametrize("term", [attention_scores_mse, attention_cross_entropy])
def test_padding_does_not_count(term):
    student, teacher = drawn(2, 3, 5, 5), drawn(2, 3, 5, 5, seed=1)
    expected = term(student, teacher, VISIBLE)
    for scores, poison in ((student, 50.0), (teacher, -3.0)):
        scores[1, :, 3:] = poison
        scores[1, :, :, 3:] = poison

    assert_close(term(student, teacher, VISIBLE), expected)


def test_padding_gives_no_gradient():
    student = drawn(2, 3, 5, 5).requires_grad_()
    attention_cross_entropy(student, drawn(2, 3, 5, 5, seed=1), VISIBLE).backward()

    assert student.grad.isfinite().all()
    assert student.grad[1, :, 3:].abs().max() == 0
    assert student.grad[1, :, :, 3:].abs().max() == 0


def test_scores_that_stand_for_padding_are_taken_for_zero():
    student, teacher = drawn(1, 1, 2, 2), drawn(1, 1, 2, 2, seed=1)
    both = torch.ones(1, 2, dtype=torch.bool)
    student[0, 0, 0, 1], teacher[0, 0, 0, 1] = -10_000.0, -500.0
    expected = ((student - teacher) ** 2).flatten()[[0, 2, 3]].sum() / 4

    assert_close(attention_scores_mse(student, teacher, both), expected)


def test_attention_is_compared_as_distributions():
    student, teacher = drawn(1, 2, 4, 4), drawn(1, 2, 4, 4, seed=1)
    found, wanted = student.softmax(-1), teacher.softmax(-1)
    expected = (wanted * (wanted.log() - found.log())).sum(-1).mean()

    assert_close(attention_cross_entropy(student, teacher, torch.ones(1, 4, dtype=torch.bool)), expected)
