"""One distiller with terms that are plugged in."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.contract import Subject
from mamebert.compression.distillation.distiller import Distiller, Term, right_answers, same_direction, soft_targets
from mamebert.compression.distillation.losses import attention_scores_mse, soft_cross_entropy
from mamebert.compression.goals import TaskGoal
from mamebert.compression.pruning.layers import keep_layers
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks import Task
from mamebert.tasks.data.features import Features, TaskState, pack

SEES_ATTENTION = Term(
    "attention",
    1.0,
    lambda s, t: attention_scores_mse(s.inside.scores[0], t.inside.scores[0], s.inside.batch.visible),
    "inside",
)


@pytest.fixture(params=["task", "encoder"])
def given(request):
    """A subject and its bench: fine-tuned, and pretrained."""
    names = {"task": ("classifier", "rows_bench"), "encoder": ("encoder", "text_bench")}[request.param]
    return tuple(map(request.getfixturevalue, names))


def half(subject: Subject) -> Subject:
    return keep_layers(subject, [0, 2])


def test_a_student_that_is_its_teacher_has_nothing_to_learn(given):
    subject, bench = given
    subject.network.eval()
    terms = [soft_targets(1.0, 2.0), same_direction(1.0), SEES_ATTENTION]
    losses = Distiller(bench.teacher, subject, terms).loss(bench.batches(1)[0])
    losses.total.backward()

    assert_close(losses.total.detach(), torch.tensor(0.0), atol=1e-5, rtol=0)
    grads = [p.grad for p in subject.network.parameters() if p.grad is not None]
    assert max(float(grad.abs().max()) for grad in grads) < 1e-4


def test_the_total_is_the_weighted_sum_and_every_term_is_told(given):
    subject, bench = given
    student = half(subject)
    student.network.eval()
    terms = [soft_targets(0.3), right_answers(0.7), same_direction(2.0), SEES_ATTENTION._replace(weight=0.0)]
    losses = Distiller(bench.teacher, student, terms).loss(bench.batches(1)[0])

    assert set(losses.parts) == {"soft_targets", "right_answers", "cosine"}, "a term without weight is not computed"
    parts = losses.parts
    expected = 0.3 * parts["soft_targets"] + 0.7 * parts["right_answers"] + 2 * parts["cosine"]
    assert_close(losses.total.detach(), expected)
    assert all(value > 0 for value in parts.values())


def test_soft_targets_teach_the_student_with_and_without_what_is_remembered(given):
    subject, bench = given
    student, batch = half(subject), bench.batches(1)[0]
    student.network.eval()
    wanted = bench.teacher.goal.outputs(bench.teacher.network.eval(), batch).detach()
    expected = soft_cross_entropy(student.goal.outputs(student.network, batch), wanted, 2.0)
    weight = student.bert.embeddings.word_embeddings.weight
    (gradient,) = torch.autograd.grad(expected, weight)
    distiller = Distiller(bench.teacher, student, [soft_targets(1.0, 2.0)])

    for _ in range(2):
        (found,) = torch.autograd.grad(distiller.loss(batch).total, weight)
        assert gradient.abs().max() > 1e-5
        assert_close(found, gradient, rtol=1e-4, atol=1e-7)


def test_right_answers_are_the_goals_own_loss(given):
    subject, bench = given
    subject.network.eval()
    batch = bench.batches(1)[0]

    assert_close(
        Distiller(bench.teacher, subject, [right_answers(1.0)]).loss(batch).total,
        subject.goal.loss(subject.network, batch).total,
    )


def test_terms_from_inside_agree_with_the_packed_pass(given):
    """Attention is read from a padded pass, and what the others read must not change by it."""
    subject, bench = given
    student = half(subject)
    student.network.eval()
    batch = bench.batches(1)[0]
    others = [soft_targets(1.0), right_answers(1.0), same_direction(1.0)]
    packed = Distiller(bench.teacher, student, others).loss(batch)
    padded = Distiller(bench.teacher, student, [*others, SEES_ATTENTION]).loss(batch)

    for name, value in packed.parts.items():
        assert_close(padded.parts[name], value, rtol=1e-4, atol=1e-5)


def test_the_teacher_stays_as_it_is(given):
    subject, bench = given
    student = half(subject)
    bench.teacher.network.train()
    before = {name: value.clone() for name, value in bench.teacher.network.state_dict().items()}
    terms = [soft_targets(1.0), same_direction(1.0), SEES_ATTENTION]
    Distiller(bench.teacher, student, terms).loss(bench.batches(1)[0]).total.backward()

    assert not bench.teacher.network.training
    assert all(parameter.grad is None for parameter in bench.teacher.network.parameters())
    assert_close(bench.teacher.network.state_dict(), before, rtol=0, atol=0)


def test_the_teacher_reads_each_row_of_a_task_once(classifier, rows_bench, monkeypatch):
    student, batch = half(classifier), rows_bench.batches(1)[0]
    student.network.eval()
    distiller = Distiller(rows_bench.teacher, student, [soft_targets(1.0)])
    first = distiller.loss(batch).total
    passes = []
    read = rows_bench.teacher.bert.hidden_states
    monkeypatch.setattr(rows_bench.teacher.bert, "hidden_states", lambda *args: passes.append(1) or read(*args))
    again = distiller.loss(batch).total

    assert not passes
    assert_close(again, first)


def test_text_that_is_masked_anew_is_read_anew(encoder, text_bench):
    student = half(encoder)
    student.network.eval()
    one, other = text_bench.batches(2)[:2]
    distiller = Distiller(text_bench.teacher, student, [soft_targets(1.0)])
    distiller.loss(one)

    fresh = Distiller(text_bench.teacher, student, [soft_targets(1.0)])
    assert_close(distiller.loss(other).total, fresh.loss(other).total)


def test_rows_without_classes_are_learnt_by_squared_differences(classifier, rows_bench, monkeypatch):
    student, batch = half(classifier), rows_bench.batches(1)[0]
    student.network.eval()
    monkeypatch.setattr(type(student.goal), "scores_classes", False)
    found = Distiller(rows_bench.teacher, student, [soft_targets(1.0)]).loss(batch).total
    wanted = rows_bench.teacher.goal.outputs(rows_bench.teacher.network.eval(), batch)

    assert_close(found, ((student.goal.outputs(student.network, batch) - wanted) ** 2).mean())


def test_two_terms_of_one_name_count_once_each(classifier, rows_bench):
    student, batch = half(classifier), rows_bench.batches(1)[0]
    student.network.eval()
    sharp, soft = (Distiller(rows_bench.teacher, student, [each]).loss(batch).total for each in (
        soft_targets(1.0, 1.0), soft_targets(1.0, 4.0)
    ))  # fmt: skip
    both = Distiller(rows_bench.teacher, student, [soft_targets(1.0, 1.0), soft_targets(2.0, 4.0)]).loss(batch)

    assert_close(both.total, sharp + 2 * soft)
    assert_close(both.parts, {"soft_targets": sharp.detach(), "soft_targets_2": soft.detach()})


WORDS = np.arange(5, 40)


def features_for(kind: str) -> list[Features]:
    """Three examples of a task: with several windows, choices or sentences each."""
    rng = np.random.default_rng(0)
    made = []
    one_each = kind in ("multi_label", "extractive_summary")
    for sequences in [[4]] * 3 if one_each else [[9, 14], [6], [11, 7, 8]]:
        ids = [rng.choice(WORDS, length) for length in sequences]
        places = {"span_qa": [np.arange(length) for length in sequences], "extractive_summary": [np.array([0, 2])]}
        made.append(Features(ids, places.get(kind, [np.zeros(1, np.int64)] * len(sequences))))
    return made


def probabilities(kind: str, outputs: torch.Tensor) -> list[torch.Tensor]:
    """What the task makes of the outputs of the three examples, distribution by distribution, one at a time."""
    if kind == "span_qa":
        windows = outputs.split([9, 14, 6, 11, 7, 8])
        return [each[:, side].softmax(0) for each in windows for side in (0, 1)]
    if kind == "multiple_choice":
        return [each.flatten().softmax(0) for each in outputs.split([2, 1, 3])]
    return [torch.stack([1 - chance, chance]) for chance in outputs.flatten().sigmoid()]


@pytest.mark.parametrize("kind", ["span_qa", "multiple_choice", "extractive_summary", "multi_label"])
def test_soft_targets_are_distributions_over_what_the_task_chooses_from(kind):
    torch.manual_seed(1)
    goal = TaskGoal(Task.find(kind)(), TaskState(("a", "b", "c")), Reading())
    shape = EncoderConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=32, initializer_range=0.5
    )
    teacher, student = (Subject(goal.network(shape, 40).eval(), goal, None) for _ in range(2))
    batch = pack(features_for(kind), [0, 1, 2])
    loss = Distiller(teacher, student, [soft_targets(1.0)]).loss(batch).total
    told = [probabilities(kind, goal.outputs(each.network, batch).detach()) for each in (teacher, student)]
    wanted = [(t * (t / s).log()).sum() for t, s in zip(*told, strict=True)]

    assert_close(loss.detach(), torch.stack(wanted).mean(), atol=1e-5, rtol=1e-4)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in student.network.parameters() if p.grad is not None)
