"""Narrow layers taught one after the other."""

from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.model_folder import read_config
from mamebert.checkpoints.verify import TOLERANCE, pretraining_logits, verify
from mamebert.compression.distillation.bottleneck_student import factorised, make_student, start_from, student_shape
from mamebert.compression.distillation.layer_transfer import (
    LayerTransfer,
    TransferWeights,
    mean_gap,
    normalised_mse,
    variance_gap,
)
from mamebert.compression.methods import Compressor
from mamebert.compression.methods.mobilebert import SIZES, Mobilebert, open_phase
from mamebert.compression.opening import open_form, open_subject
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError
from mamebert.training.settings import Training

WEIGHTS = TransferWeights()


def method(**settings):
    quick = {"batch_tokens": 512, "peak_lr": 3e-3, "precision": "float32"}
    given = {"transfer": Training(steps=5, **quick), "training": Training(steps=5, **quick), **settings}
    return Mobilebert(**given)


def student_of(teacher, start=True):
    settings = Mobilebert()
    torch.manual_seed(5)
    made = make_student(teacher, student_shape(teacher.bert.config, {name: getattr(settings, name) for name in SIZES}))
    if start:
        start_from(teacher, made)
    return made


def test_every_term_and_its_gradient_is_zero_for_a_student_that_is_its_teacher(classifier, rows_bench):
    batch = rows_bench.batches(1)[0]
    teacher = deepcopy(classifier)
    for subject in (classifier, student_of(classifier)):
        subject.network.eval()
        twin = deepcopy(subject)
        for number in range(4):
            transfer = LayerTransfer(twin.bert, subject.bert, number, WEIGHTS)
            # With gradients, both: a pass without them adds in an order of its own.
            one, other = (bert.trace(Padded.of(batch.packed), depth=number + 1) for bert in (subject.bert, twin.bert))
            terms = transfer.terms(one, other)
            assert all(value == 0 for value in terms.values()), terms
            sum(terms.values()).backward()
            gradients = [p.grad for p in subject.network.parameters() if p.grad is not None]
            assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-4
            subject.network.zero_grad()
            assert abs(transfer.loss(batch).total) < 1e-6
    other = LayerTransfer(teacher.bert, student_of(teacher, start=False).bert, 0, WEIGHTS).loss(batch)
    assert all(value > 0 for value in other.parts.values())


def test_hidden_states_are_compared_without_their_mean_and_variance():
    torch.manual_seed(1)
    states = torch.randn(6, 16)
    moved = 3 * states + 2
    assert normalised_mse(moved, states) < 1e-10
    assert_close(mean_gap(states + 2, states), torch.tensor(4.0))
    assert_close(variance_gap(3 * states, states), 8 * states.var(-1, correction=0).mean())


def test_a_term_is_of_its_own_layer_alone(classifier, rows_bench):
    batch, student = rows_bench.batches(1)[0], student_of(classifier)
    before = LayerTransfer(classifier.bert, student.bert, 1, WEIGHTS).loss(batch)
    with torch.no_grad():
        for layer in student.bert.encoder.layer[2:]:
            for parameter in layer.parameters():
                parameter.add_(1)
    assert LayerTransfer(classifier.bert, student.bert, 1, WEIGHTS).loss(batch).total == before.total


def test_the_loss_is_divided_by_the_number_of_layers(classifier, rows_bench):
    batch, student = rows_bench.batches(1)[0], student_of(classifier)
    found = LayerTransfer(classifier.bert, student.bert, 2, WEIGHTS).loss(batch)
    weighted = sum(getattr(WEIGHTS, name) * value for name, value in found.parts.items())
    assert_close(found.total.detach(), weighted / 4)


def test_only_the_layer_whose_turn_it_is_learns(classifier, rows_bench, quick):
    student = student_of(classifier)
    before = {name: tensor.clone() for name, tensor in student.network.state_dict().items()}
    factors = open_phase(student.network, 1, lower_rate=0.0)
    assert not factors
    loss = LayerTransfer(classifier.bert, student.bert, 1, WEIGHTS).loss
    rows_bench.learn(student, Training(steps=3, **quick), loss, choose_best=False, lr_factors=factors)
    moved = {name for name, tensor in student.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if name.startswith("bert.encoder.layer.1.")}


def test_lower_layers_may_go_on_learning_at_a_tenth_of_the_rate(classifier, rows_bench, quick):
    student = student_of(classifier)
    before = {name: tensor.clone() for name, tensor in student.network.state_dict().items()}
    factors = open_phase(student.network, 1, lower_rate=0.1)
    loss = LayerTransfer(classifier.bert, student.bert, 1, WEIGHTS).loss
    one = Training(steps=1, warmup_rate=0, weight_decay=0, **quick)
    rows_bench.learn(student, one, loss, choose_best=False, lr_factors=factors)
    after = student.network.state_dict()
    # The first step of Adam moves every number by the rate, however small its gradient.
    steps = [
        float((after[name] - before[name]).abs().max())
        for name in (f"bert.encoder.layer.{number}.output.bottleneck.dense.weight" for number in range(3))
    ]
    assert steps == pytest.approx([0.1 * quick["peak_lr"], quick["peak_lr"], 0], rel=1e-2)
    assert not torch.equal(
        after["bert.embeddings.word_embeddings.weight"], before["bert.embeddings.word_embeddings.weight"]
    )


def test_a_narrow_table_is_the_nearest_of_its_rank():
    torch.manual_seed(2)
    table = torch.randn(40, 6) @ torch.randn(6, 16)
    narrow, widen = factorised(table, 6)
    assert_close(narrow @ widen.T, table, atol=1e-4, rtol=1e-4)
    _, singular, _ = torch.linalg.svd(table)
    narrow, widen = factorised(table, 4)
    assert_close((narrow @ widen.T - table).norm(), singular[4:].norm(), atol=1e-3, rtol=1e-3)


def test_the_start_brings_embeddings_near_the_teachers(classifier, rows_bench):
    padded = Padded.of(rows_bench.batches(1)[0].packed)
    wanted = classifier.bert.trace(padded, depth=0).hidden[0]
    gaps = [
        normalised_mse(student_of(classifier, start).bert.trace(padded, depth=0).hidden[0], wanted).item()
        for start in (True, False)
    ]
    assert gaps[0] < 0.5 * gaps[1]


@pytest.mark.slow
def test_an_inverted_bottleneck_teaches_and_gives_its_embeddings(encoder, text_bench):
    config = encoder.bert.config
    sizes = {name: getattr(Mobilebert(normalization_type="layer_norm", hidden_act="gelu"), name) for name in SIZES}
    wide = student_shape(config, {**sizes, "intra_bottleneck_size": 64, "num_feedforward_networks": 1})
    inside = wide.bottleneck.model_copy(update={"key_query_shared_bottleneck": False})
    teacher = make_student(encoder, wide.model_copy(update={"bottleneck": inside}))
    student = method().compress(teacher, text_bench)
    assert student.bert.config.bottleneck.intra_bottleneck_size == 8
    fresh = student_of(teacher)
    table = "embeddings.word_embeddings.weight"
    assert torch.equal(fresh.bert.get_parameter(table), teacher.bert.get_parameter(table))


@pytest.mark.parametrize("subject", ["classifier", "encoder"])
def test_a_saved_student_is_a_mobilebert_of_plain_transformers(subject, request, tmp_path):
    teacher = request.getfixturevalue(subject)
    bench = request.getfixturevalue("rows_bench" if subject == "classifier" else "text_bench")
    compressor = method()
    compressor.check(teacher, bench)
    student = compressor.compress(teacher, bench)
    assert len(student.notes["gaps_after_transfer"]) == 4
    forms = compressor.save(student, tmp_path / "model")
    wanted = "SequenceClassification" if subject == "classifier" else "PreTraining"
    assert [tuple(form) for form in forms] == [("plain", ".", f"transformers MobileBertFor{wanted}")]
    assert read_config(tmp_path / "model")["model_type"] == "mobilebert"
    assert not student.bert.embeddings.word_embeddings.weight[0].any()
    again = open_subject(tmp_path / "model")
    batch = bench.batches(1)[0]
    student.network.eval()
    again.network.eval()
    assert_close(*(each.goal.outputs(each.network, batch) for each in (again, student)))


@pytest.mark.slow
def test_plain_transformers_gives_the_same_logits_whatever_the_padding_row_holds(encoder, tmp_path):
    student = student_of(encoder)
    with torch.no_grad():
        student.bert.embeddings.word_embeddings.weight[0] = 1
    method().save(student, tmp_path / "model")
    assert max(verify([tmp_path / "model"], pretraining_logits).values()) <= TOLERANCE


def test_a_student_goes_on_to_int8(classifier, rows_bench, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    student = student_of(classifier)
    student.network.eval()
    forms = Compressor.find("dynamic_int8")().save(student, tmp_path / "model")
    graph = open_form(tmp_path / "model", forms[0]).subject.network
    batch = rows_bench.batches(1)[0]
    found = graph.conclude(graph.gather(batch), batch)
    exact = student.goal.outputs(student.network, batch).detach()
    assert_close(found, exact, atol=0.1 * float(exact.abs().max()), rtol=0)


def test_a_taught_student_answers_like_its_teacher(classifier, rows_bench, quick):
    """Layers of 32 numbers made of 8: it cannot be much worse on so easy a task."""
    chance = rows_bench.score(student_of(classifier))
    settings = {
        "transfer": Training(epochs=3, **{**quick, "peak_lr": 5e-3}),
        "training": Training(epochs=6, **quick),
    }
    student = Mobilebert(**settings).compress(classifier, rows_bench)
    assert rows_bench.score(student) > max(0.8, chance)


def test_another_width_and_uneven_heads_are_refused(classifier, rows_bench):
    with pytest.raises(UserError, match="body is to be 64 wide and its teacher's is 32"):
        method(hidden_size=64).check(classifier, rows_bench)
    with pytest.raises(UserError, match="cannot be split between 4 heads"):
        method(intra_bottleneck_size=10).check(classifier, rows_bench)
    classifier.bert.config = classifier.bert.config.model_copy(update={"layer_heads": [4, 4, 3, 4], "head_size": 8})
    with pytest.raises(UserError, match="different numbers of heads"):
        method().check(classifier, rows_bench)
