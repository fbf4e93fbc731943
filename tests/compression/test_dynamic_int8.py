"""Bytes without learning, run by ONNX Runtime."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from mamebert.compression._opening import open_form, open_subject
from mamebert.compression._running import GRAPH
from mamebert.compression.dynamic_int8 import DynamicInt8
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.tasks._network import raw_outputs


@pytest.fixture
def saved(classifier, rows_bench, tmp_path):
    method = DynamicInt8()
    method.check(classifier, rows_bench)
    forms = method.save(method.compress(classifier, rows_bench), tmp_path / "model")
    return tmp_path / "model", forms


def test_it_is_a_graph_that_answers_nearly_as_the_network(saved, classifier, rows_bench):
    folder, forms = saved
    assert [(form.name, form.place) for form in forms] == [("onnx_int8", GRAPH)]
    opened = open_form(folder, forms[0]).subject
    features = rows_bench.part(classifier, "test").features
    found = np.concatenate(raw_outputs(opened.goal.task, opened.network, features))
    wanted = np.concatenate(raw_outputs(classifier.goal.task, classifier.network, features))
    assert 0 < np.abs(found - wanted).max() < 0.25 * np.abs(wanted).max()
    assert (found.argmax(1) == wanted.argmax(1)).mean() >= 0.95


def test_matrices_and_tables_are_bytes(saved):
    import onnx

    initialisers = onnx.load(saved[0] / GRAPH).graph.initializer
    large = [each for each in initialisers if np.prod(each.dims) > 200]
    assert len(large) > 10
    assert {each.data_type for each in large} == {onnx.TensorProto.UINT8}


def test_no_float_weights_lie_in_the_folder(saved):
    folder, _ = saved
    assert not list(folder.rglob("*.safetensors"))
    assert (folder / "vocab.txt").is_file()


def test_the_folder_opens_by_itself(saved, rows_bench):
    opened = open_subject(saved[0])
    assert json.loads((saved[0] / "config.json").read_text())["mamebert"]["altered_by"] == "dynamic_int8"
    assert rows_bench.score(opened) > 0.9


def test_an_encoder_guesses_nearly_as_well(encoder, text_bench, tmp_path):
    forms = DynamicInt8().save(encoder, tmp_path / "model")
    opened = open_form(tmp_path / "model", forms[0]).subject
    assert text_bench.score(opened) == pytest.approx(text_bench.score(encoder), abs=0.05)


def test_sentence_pairs_are_refused(encoder, text_bench):
    encoder.goal = type(encoder.goal)(Objective.find("masked_lm_nsp")(max_length=32))
    with pytest.raises(UserError, match="masked_lm_nsp"):
        DynamicInt8().check(encoder, text_bench)
