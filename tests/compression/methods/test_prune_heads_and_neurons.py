"""Pruning of heads and feed-forward neurons."""

from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.model_folder import read_config
from mamebert.compression.methods.prune_heads_and_neurons import PruneHeadsAndNeurons
from mamebert.compression.opening import open_form, open_subject
from mamebert.compression.pruning.importance import Importance
from mamebert.compression.pruning.uneven_shapes import densified
from mamebert.config import build
from mamebert.errors import UserError


def outputs(subject, batch):
    with torch.no_grad():
        return subject.goal.outputs(subject.network.eval(), batch)


@pytest.mark.parametrize("across", ["layer", "network"])
def test_the_dense_form_gives_the_same_outputs(classifier, rows_bench, across):
    method = PruneHeadsAndNeurons(heads=0.5, neurons=0.5, across=across, recover=False)
    smaller = method.compress(classifier, rows_bench)
    batch = rows_bench.batches(1)[0]
    heads, widths = smaller.bert.config.heads_by_layer, smaller.bert.config.widths_by_layer
    before = rows_bench.teacher.bert.config
    assert sum(heads) == sum(before.heads_by_layer) // 2
    assert sum(widths) == sum(before.widths_by_layer) // 2
    assert (len(set(widths)) == 1) == (across == "layer")
    dense = densified(smaller)
    assert dense.bert.config.is_regular
    assert_close(outputs(dense, batch), outputs(smaller, batch), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("across", ["layer", "network"])
def test_what_is_saved_opens_again_compact_as_a_graph_and_plain(classifier, rows_bench, tmp_path, across):
    pytest.importorskip("onnxruntime")
    method = PruneHeadsAndNeurons(heads=0.5, neurons=0.5, across=across, recover=False)
    smaller = method.compress(classifier, rows_bench)
    forms = method.save(smaller, tmp_path / "model")
    batch = rows_bench.batches(1)[0]
    assert [(form.name, form.place) for form in forms] == [
        ("compact", "."),
        ("onnx", "onnx/model.onnx"),
        ("plain", "dense"),
    ]
    for form in forms:
        network = open_form(tmp_path / "model", form).subject.network.eval()
        assert_close(network(batch), outputs(smaller, batch), atol=1e-5, rtol=1e-5)
    compact = open_subject(tmp_path / "model")
    assert compact.bert.config.heads_by_layer == smaller.bert.config.heads_by_layer


def test_without_onnx_it_is_told_that_no_graph_is_written(classifier, rows_bench, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mamebert.compression.forms.saving.find_spec", lambda name: None)
    method = PruneHeadsAndNeurons(heads=0.5, neurons=0.5, recover=False)
    forms = method.save(method.compress(classifier, rows_bench), tmp_path / "model")
    assert [form.name for form in forms] == ["compact", "plain"]
    assert "pip install 'mamebert[onnx]'" in capsys.readouterr().err


def test_a_pruned_encoder_has_a_graph_that_guesses_the_same_words(encoder, text_bench, tmp_path):
    pytest.importorskip("onnxruntime")
    method = PruneHeadsAndNeurons(heads=0.5, neurons=0.5, recover=False)
    smaller = method.compress(encoder, text_bench)
    graph = method.save(smaller, tmp_path / "model")[1]
    opened = open_form(tmp_path / "model", graph).subject
    assert graph.name == "onnx"
    assert opened.goal.objective.kind == "masked_lm"
    opened.goal = smaller.goal
    assert text_bench.score(opened) == pytest.approx(text_bench.score(smaller), abs=1e-5)


def test_narrower_blocks_alone_are_a_plain_bert(classifier, rows_bench, tmp_path):
    method = PruneHeadsAndNeurons(heads=0, neurons=0.5, recover=False)
    smaller = method.compress(classifier, rows_bench)
    forms = method.save(smaller, tmp_path / "model")
    assert [(form.name, form.opens_with) for form in forms] == [("plain", "transformers BertForSequenceClassification")]
    wanted = rows_bench.teacher.bert.config.intermediate_size // 2
    assert read_config(tmp_path / "model")["intermediate_size"] == wanted


def test_removing_nothing_is_identity(classifier, rows_bench):
    # Asked for as settings it is refused, so the shares go past them.
    method = PruneHeadsAndNeurons().model_copy(update={"heads": 0.0, "neurons": 0.0, "recover": False})
    same = method.compress(classifier, rows_bench)
    assert same.bert.config == rows_bench.teacher.bert.config
    batch = rows_bench.batches(1)[0]
    assert torch.equal(outputs(same, batch), outputs(rows_bench.teacher, batch))


def test_the_least_important_go():
    heads = [torch.tensor([1.0, 3.0, 2.0, 4.0]), torch.tensor([40.0, 10.0, 20.0, 30.0])]
    neurons = [torch.tensor([5.0, 1.0]), torch.tensor([0.1, 0.2])]
    by_layer = PruneHeadsAndNeurons(heads=0.5, neurons=0.5).choose(Importance(heads, neurons))
    assert by_layer == ([[1, 3], [0, 3]], [[0], [1]])
    anywhere = PruneHeadsAndNeurons(heads=0.25, neurons=0.25, across="network").choose(Importance(heads, neurons))
    assert anywhere == ([[1, 2, 3], [0, 2, 3]], [[0, 1], [1]])


def test_important_ones_are_worth_keeping(classifier, rows_bench):
    best = PruneHeadsAndNeurons(heads=0.5, neurons=0.5, recover=False)
    batch = rows_bench.batches(1)[0]
    wanted = outputs(rows_bench.teacher, batch)

    class Worst(PruneHeadsAndNeurons):
        def choose(self, worth):
            return super().choose(Importance([-each for each in worth.heads], [-each for each in worth.neurons]))

    worst = Worst(heads=0.5, neurons=0.5, recover=False).compress(deepcopy(classifier), rows_bench)
    kept = best.compress(classifier, rows_bench)
    assert (outputs(kept, batch) - wanted).square().mean() < (outputs(worst, batch) - wanted).square().mean()


@pytest.mark.parametrize(("subject", "bench"), [("classifier", "rows_bench"), ("encoder", "text_bench")])
def test_training_makes_up_for_what_was_cut(subject, bench, request, quick):
    subject, bench = request.getfixturevalue(subject), request.getfixturevalue(bench)
    cut = {"heads": 0.5, "neurons": 0.75, "across": "network"}
    alone = PruneHeadsAndNeurons(**cut, recover=False).compress(deepcopy(subject), bench)
    trained = PruneHeadsAndNeurons(**cut, training={"steps": 20, **quick}).compress(subject, bench)
    assert trained.bert.config == alone.bert.config
    assert bench.score(trained) >= bench.score(alone)
    assert sum(map(len, trained.notes["heads_kept"])) == sum(trained.bert.config.heads_by_layer)


def test_shares_that_leave_nothing_or_take_nothing_are_refused(classifier, rows_bench):
    with pytest.raises(UserError, match="nothing would be left"):
        PruneHeadsAndNeurons(heads=0.95).check(classifier, rows_bench)
    with pytest.raises(UserError, match="none of them"):
        PruneHeadsAndNeurons(heads=0.05).check(classifier, rows_bench)
    with pytest.raises(UserError, match="Nothing is to be removed"):
        build(PruneHeadsAndNeurons, {"heads": 0, "neurons": 0})


def test_layers_that_share_weights_are_refused(classifier, rows_bench):
    classifier.bert.config = classifier.bert.config.model_copy(update={"shared": "all"})
    with pytest.raises(UserError, match="share weights"):
        PruneHeadsAndNeurons().check(classifier, rows_bench)
