"""TinyBERT: a student that learns its teacher's insides."""

import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.distillation.layerwise import (
    layer_map,
    projection,
    require_comparable,
    same_attention,
    same_hidden,
)
from mamebert.compression.methods import Compressor
from mamebert.compression.methods.tinybert import Tinybert
from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.settings import Training

SMALL = {"num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 48}


@pytest.fixture
def short(quick):
    """Stages of two steps."""
    return {"intermediate": Training(steps=2, **quick), "prediction": Training(steps=2, **quick)}


def test_layers_are_mapped_as_in_the_paper():
    assert layer_map(4, 12) == [0, 3, 6, 9, 12]
    assert layer_map(6, 12) == [0, 2, 4, 6, 8, 10, 12]
    assert layer_map(3, 4) == [0, 1, 2, 4]
    assert layer_map(4, 4) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("subject", "bench"), [("classifier", "rows_bench"), ("encoder", "text_bench")])
def test_all_losses_are_zero_for_an_identical_student(subject, bench, request):
    subject, bench = request.getfixturevalue(subject), request.getfixturevalue(bench)
    subject.network.eval()
    layers, widen = layer_map(4, 4), projection(32, 32)
    terms = [same_hidden(layers, widen), same_attention(layers), soft_targets(1.0)]
    losses = Distiller(bench.teacher, subject, terms).loss(bench.batches(1)[0])

    assert set(losses.parts) == {"hidden", "attention", "soft_targets"}
    for value in losses.parts.values():
        assert_close(value, torch.tensor(0.0), atol=1e-5, rtol=0)


def test_one_matrix_widens_every_layer(classifier, rows_bench, short):
    """The gradient of the shared matrix is the sum of what each layer asks of it."""
    torch.manual_seed(0)
    student = Tinybert(**SMALL, **short).compress(classifier, rows_bench)
    student.network.eval()
    widen, batch = projection(16, 32), rows_bench.batches(1)[0]
    Distiller(rows_bench.teacher, student, [same_hidden([0, 2, 4], widen)]).loss(batch).total.backward()
    found = list(student.bert.hidden_states(batch.packed))
    wanted = list(rows_bench.teacher.bert.hidden_states(batch.packed))
    pairs = [(found[0], wanted[0]), (found[1], wanted[2]), (found[2], wanted[4])]
    expected = sum(((s @ widen.weight.T + widen.bias - t) ** 2).mean() for s, t in pairs)
    (gradient,) = torch.autograd.grad(expected, widen.weight)

    assert_close(widen.weight.grad, gradient, rtol=1e-3, atol=1e-6)


def test_a_matrix_between_equal_widths_begins_as_the_identity():
    hidden = torch.randn(3, 8)

    assert_close(projection(8, 8)(hidden), hidden)
    wide = projection(8, 32)(hidden)
    assert_close(wide.norm(dim=1), hidden.norm(dim=1)), "lengths stay where the widths differ"


def test_a_student_of_the_teachers_width_begins_with_its_layers(classifier, rows_bench, quick):
    still = Training(steps=1, **{**quick, "peak_lr": 1e-9})
    student = Tinybert(num_hidden_layers=2, intermediate=still, prediction=still).compress(classifier, rows_bench)
    found, wanted = student.bert.state_dict(), rows_bench.teacher.bert.state_dict()

    for mine, theirs in ((0, 1), (1, 3)):
        name = "encoder.layer.{}.attention.self.query.weight"
        assert_close(found[name.format(mine)], wanted[name.format(theirs)], atol=1e-6, rtol=0)
    assert student.notes["layer_map"] == [0, 2, 4]


def test_a_narrow_student_comes_nearer_to_its_teacher(classifier, rows_bench, quick):
    method = Tinybert(**SMALL, intermediate=Training(steps=60, **quick), prediction=Training(epochs=6, **quick))
    method.check(classifier, rows_bench)
    torch.manual_seed(0)
    student = method.compress(classifier, rows_bench)
    scratch = type(student)(
        student.goal.network(student.bert.config, student.bert.vocab_size).eval(), student.goal, student.folder
    )
    batch, widen = rows_bench.batches(1)[0], projection(16, 32)
    near, far = (
        Distiller(rows_bench.teacher, each, [same_attention([0, 2, 4]), soft_targets(1.0)]).loss(batch).parts
        for each in (student, scratch)
    )

    assert (student.bert.config.hidden_size, student.bert.config.intermediate_size) == (16, 48)
    assert student.bert.config.num_attention_heads == 4
    assert near["attention"] < far["attention"]
    assert near["soft_targets"] < far["soft_targets"]
    assert widen.weight.shape == (32, 16)


def test_a_general_student_is_the_start_of_one_for_a_task(encoder, text_bench, classifier, rows_bench, short, tmp_path):
    general = Tinybert(**SMALL, **short)
    general.check(encoder, text_bench)
    student = general.compress(encoder, text_bench)
    general.save(student, tmp_path / "general")
    method = Tinybert(start=tmp_path / "general", **short)
    method.check(classifier, rows_bench)
    found = method.compress(classifier, rows_bench)

    assert found.bert.config.hidden_size == 16
    assert found.bert.config.num_hidden_layers == 2
    assert found.notes["start"] == str(tmp_path / "general")


def test_a_general_student_learns_no_words_unless_asked(encoder, text_bench, short, monkeypatch):
    read = []
    goal = type(encoder.goal)
    conclude = goal.conclude
    monkeypatch.setattr(goal, "conclude", lambda *args: read.append(1) or conclude(*args))
    Tinybert(**SMALL, **short).compress(encoder, text_bench)
    assert not read
    Tinybert(**SMALL, prediction_weight=1.0, **short).compress(encoder, text_bench)
    assert read


def test_answers_that_are_no_classes_are_learnt_from_right_ones(classifier, rows_bench, short, monkeypatch):
    monkeypatch.setattr(type(classifier.goal), "scores_classes", False)
    seen = []
    monkeypatch.setattr(
        "mamebert.compression.methods.tinybert.right_answers",
        lambda weight: seen.append(weight) or right_answers(weight),
    )
    Tinybert(num_hidden_layers=2, **short).compress(classifier, rows_bench)

    assert seen == [1.0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"num_attention_heads": 2}, "has 2 attention heads and layer 2 of the teacher, which it learns from, has 4"),
        ({"num_hidden_layers": 5}, "The student has 5 layers and its teacher 4"),
    ],
)
def test_what_cannot_be_compared_is_refused(shape, message):
    teacher = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4}
    student = EncoderConfig(**{**teacher, "num_hidden_layers": 2, **shape})
    with pytest.raises(UserError, match=message):
        require_comparable(student, EncoderConfig(**teacher))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_hidden_layers": 5}, "keep 5 layers and the model has 4"),
        ({"hidden_size": 30}, "hidden_size 30 cannot be split between 4 heads"),
    ],
)
def test_shapes_that_cannot_be_are_refused(classifier, rows_bench, settings, message):
    with pytest.raises(UserError, match=message):
        Tinybert(**settings).check(classifier, rows_bench)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": "somewhere", "hidden_size": 16}, "has its shape"),
        ({"intermediate_size": 16}, "goes with hidden_size"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        build(Compressor, {"kind": "tinybert", **settings})
