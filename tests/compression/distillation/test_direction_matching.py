import pytest
import torch

from mamebert.compression.distillation.direction_matching import direction_gap, similarities


def test_the_same_direction_has_no_gap_and_no_gradient():
    torch.manual_seed(0)
    teacher = torch.randn(3, 5)
    student = teacher.clone().requires_grad_()

    gap = direction_gap(student, teacher)
    gap.backward()

    assert gap == 0
    assert not student.grad.any()


def test_lengths_do_not_count():
    torch.manual_seed(0)
    student, teacher = torch.randn(3, 5), torch.randn(3, 5)
    assert direction_gap(7 * student, teacher) == pytest.approx(float(direction_gap(student, 0.1 * teacher)))
    assert direction_gap(-3 * teacher, teacher) == pytest.approx(2.0)


def test_similarities_of_padding_are_zero():
    vectors, visible = torch.ones(1, 2, 3, 4), torch.tensor([[True, True, False]])
    found = similarities(vectors, visible)
    assert found[0, 0].tolist() == [[2, 2, 0], [2, 2, 0], [0, 0, 0]]
