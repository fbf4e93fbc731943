"""Hinton's distillation."""

import json

import pytest
import torch

from mamebert.checkpoints.save import save_pretraining
from mamebert.compression.distillation.students import choose_layers
from mamebert.compression.methods import Compressor
from mamebert.compression.methods.distil import Distil
from mamebert.config import build
from mamebert.errors import UserError
from mamebert.training.settings import Training


def test_layers_are_those_of_the_papers():
    assert choose_layers("every_second", 12, 6) == [0, 2, 4, 6, 8, 10]
    assert choose_layers("released", 12, 6) == [0, 2, 4, 7, 9, 11]
    assert choose_layers([3, 1], 12, 6) == [3, 1]


@pytest.mark.parametrize("choice", ["every_second", "released"])
def test_layers_are_chosen_at_every_depth(choice):
    for num_layers in range(1, 25):
        for number in range(1, num_layers + 1):
            chosen = choose_layers(choice, num_layers, number)
            assert len(set(chosen)) == number
            assert chosen == sorted(chosen)
            assert chosen[0] == 0
            assert chosen[-1] < num_layers
            if choice == "released" and number > 1:
                assert chosen[-1] == num_layers - 1


@pytest.mark.parametrize(("subject", "bench"), [("classifier", "rows_bench"), ("encoder", "text_bench")])
def test_a_distilled_student_beats_one_of_its_size_from_scratch(subject, bench, request, quick):
    subject, bench = request.getfixturevalue(subject), request.getfixturevalue(bench)
    training = Training(steps=12, **quick)
    torch.manual_seed(0)
    distilled = Distil(layers=2, training=training).compress(subject, bench)
    scratch = type(subject)(
        subject.goal.network(distilled.bert.config, subject.bert.vocab_size), subject.goal, subject.folder
    )
    bench.learn(scratch, training)

    assert distilled.bert.config.num_hidden_layers == 2
    assert distilled.notes["layers_kept"] == [0, 2]
    assert bench.score(distilled) > bench.score(scratch)


@pytest.fixture
def small_folder(encoder, tmp_path):
    """An encoder of another shape with the teacher's vocabulary."""
    shape = encoder.bert.config.model_copy(
        update={"hidden_size": 16, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 1}
    )
    torch.manual_seed(5)
    save_pretraining(encoder.goal.network(shape, encoder.bert.vocab_size), encoder.folder, tmp_path / "small")
    return tmp_path / "small"


@pytest.mark.parametrize(("subject", "bench"), [("classifier", "rows_bench"), ("encoder", "text_bench")])
def test_any_folder_of_a_smaller_encoder_can_be_the_student(subject, bench, request, small_folder, quick):
    subject, bench = request.getfixturevalue(subject), request.getfixturevalue(bench)
    method = Distil(student=small_folder, training=Training(steps=2, **quick))
    method.check(subject, bench)
    student = method.compress(subject, bench)

    assert student.bert.config.hidden_size == 16
    assert bench.score(student) is not None
    assert student.notes["student"] == str(small_folder)


def test_alpha_0_is_training_without_a_teacher(classifier, rows_bench, quick, monkeypatch):
    monkeypatch.setattr(rows_bench.teacher.bert, "hidden_states", None)
    student = Distil(alpha=0.0, training=Training(steps=1, **quick)).compress(classifier, rows_bench)

    assert student.bert.config.num_hidden_layers == 2


def test_a_chain_keeps_what_a_method_before_has_left(classifier, rows_bench, quick):
    three = Distil(layers=3, training=Training(steps=1, **quick))
    again = Distil(training=Training(steps=1, **quick))
    student = again.compress(three.compress(classifier, rows_bench), rows_bench)

    assert student.bert.config.num_hidden_layers == 3


def test_more_layers_than_the_teacher_has_are_refused(classifier, rows_bench):
    with pytest.raises(UserError, match="keep 5 layers and the model has 4"):
        Distil(layers=5).check(classifier, rows_bench)
    with pytest.raises(UserError, match="names layer 4, and the model has 4"):
        Distil(layer_choice=[0, 4]).check(classifier, rows_bench)


def test_another_vocabulary_is_refused(encoder, text_bench, small_folder):
    rules, listed = small_folder / "tokenizer.json", small_folder / "vocab.txt"
    *first, last, least = listed.read_text(encoding="utf-8").splitlines()
    about = json.loads(rules.read_text(encoding="utf-8"))
    about["model"]["vocab"] = {token: number for number, token in enumerate([*first, least, last])}
    rules.write_text(json.dumps(about), encoding="utf-8")
    listed.write_text("".join(f"{t}\n" for t in [*first, least, last]), encoding="utf-8")
    (small_folder / "SHA256SUMS").unlink()

    with pytest.raises(UserError, match="different vocabularies"):
        Distil(student=small_folder).check(encoder, text_bench)


def test_a_pruned_vocabulary_is_refused(encoder, text_bench):
    encoder.network.bert.vocab_size -= 10
    with pytest.raises(UserError, match="Prune the vocabulary after distillation"):
        Distil().check(encoder, text_bench)


def test_a_student_of_its_own_has_no_layers_to_choose():
    with pytest.raises(UserError, match="cut from its teacher"):
        build(Compressor, {"kind": "distil", "student": "somewhere", "layers": 3})
