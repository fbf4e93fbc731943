"""Graphs beside the weights, as programs other than ours open them."""

import json
import shutil

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

import onnx
import onnxruntime
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer

from mamebert.errors import UserError
from mamebert.serving import exporting
from mamebert.serving.exporting import export
from mamebert.serving.load import load

TEXTS = ["The old boat meets the rope.", "The small bean holds the leaf, and the old one."]


@pytest.fixture(scope="module")
def folders(classifiers, encoders, tmp_path_factory):
    place = tmp_path_factory.mktemp("exported")
    shutil.copytree(classifiers / "models" / "N", place / "task")
    for name in ("words", "alone"):
        shutil.copytree(encoders("N"), place / name)
    told = {
        "task": export(place / "task"),
        "words": export(place / "words"),
        "alone": export(place / "alone", "sentence_embeddings"),
    }
    return place, told


def graph_and_plain(place, auto, graph):
    folder = next(path.parent for path in (place / "config.json", place / "model" / "config.json") if path.exists())
    given = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    session = onnxruntime.InferenceSession(folder / "onnx" / graph, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    with torch.no_grad():
        expected = auto.from_pretrained(folder).eval()(**given)
    seen = given["attention_mask"].bool().numpy()
    return session.run(None, {name: given[name].numpy() for name in names}), expected, seen, session


@pytest.mark.parametrize(
    ("name", "auto", "output"),
    [
        ("task", AutoModelForSequenceClassification, "logits"),
        ("words", AutoModelForMaskedLM, "logits"),
        ("alone", AutoModel, "last_hidden_state"),
    ],
)
def test_the_float_graph_gives_what_plain_transformers_gives(folders, name, auto, output):
    (found,), expected, seen, session = graph_and_plain(folders[0] / name, auto, "model.onnx")
    assert [each.name for each in session.get_outputs()] == [output] == list(folders[1][name]["outputs"])
    wanted = expected[output].numpy()
    assert found.shape == wanted.shape
    of_texts = np.s_[:] if name == "task" else seen
    np.testing.assert_allclose(found[of_texts], wanted[of_texts], atol=2e-4)


def test_parity_of_both_graphs_is_kept_beside_them(folders):
    for name, told in folders[1].items():
        (onnx_folder,) = (folders[0] / name).glob("**/onnx")
        assert json.loads((onnx_folder / "export.json").read_text()) == told
        floats, bytes_ = (next(iter(told["parity"][each].values())) for each in ("model.onnx", "model_quantized.onnx"))
        assert floats["relative_error"] < 1e-4 < bytes_["relative_error"] < 0.3
        assert ("same_choice" in floats) == (name != "alone")
        assert sorted(path.name for path in onnx_folder.iterdir()) == [
            "SHA256SUMS", "export.json", "model.onnx", "model_quantized.onnx"
        ]  # fmt: skip


def test_a_sealed_model_with_graphs_beside_it_answers_as_before(folders, classifiers):
    answers = load(classifiers / "models" / "N")(TEXTS)
    assert load(folders[0] / "task")(TEXTS) == answers
    export(folders[0] / "task")  # again
    assert load(folders[0] / "task")(TEXTS) == answers


@pytest.mark.parametrize(("processor", "kind"), [("vnni", np.int8), ("older", np.uint8)])
def test_bytes_are_signed_for_processors_with_vnni_and_the_graph_says_for_whom_it_is(folders, processor, kind):
    place = folders[0] / "task"
    told = export(place, processor=processor)
    graph = onnx.load(place / "onnx" / "model_quantized.onnx")
    multiplied = {each.input[1] for each in graph.graph.node if each.op_type == "MatMulInteger"}
    stored = {each.name: onnx.numpy_helper.to_array(each).dtype.type for each in graph.graph.initializer}
    assert {stored[name] for name in multiplied} == {kind}
    assert {each.key: each.value for each in graph.metadata_props}["made_for"] == told["made_for"]
    assert told["weights"] == np.dtype(kind).name


def test_no_graph_knows_of_training(folders):
    for graph in folders[0].glob("*/**/onnx/*.onnx"):
        assert "Dropout" not in {each.op_type for each in onnx.load(graph).graph.node}


def test_this_processor_is_asked_what_it_does_with_bytes(folders, monkeypatch):
    for overflows, weights in ((True, "uint8"), (False, "int8")):
        monkeypatch.setattr(exporting, "products_overflow", lambda overflows=overflows: overflows)
        assert export(folders[0] / "task")["weights"] == weights


def test_measures_before_and_after_are_kept(mamebert, folders, world):
    said = mamebert("export", folders[0] / "task", "--file", world / "rows.jsonl")
    assert said.code == 0, said
    measures = json.loads((folders[0] / "task" / "onnx" / "export.json").read_text())["measures"]
    assert measures["rows"] == 120
    assert measures["float32"] == measures["model.onnx"]
    assert f"model_quantized.onnx, 120 rows: accuracy {measures['model_quantized.onnx']['accuracy']:.4f}" in said.out


def test_graphs_of_others_are_not_replaced(folders, tmp_path):
    shutil.copytree(folders[0] / "task", tmp_path / "task")
    onnx_folder = tmp_path / "task" / "onnx"
    (onnx_folder / "export.json").unlink()
    with pytest.raises(UserError, match="has not written"):
        export(tmp_path / "task")
    with pytest.raises(UserError, match="for no task"):
        export(folders[0] / "words", rows=lambda task: [])
    with pytest.raises(UserError, match="processor"):
        export(folders[0] / "words", processor="amx")


def test_what_was_killed_leaves_no_graph_and_is_begun_anew(folders, tmp_path, monkeypatch):
    shutil.copytree(folders[0] / "task", tmp_path / "task")
    shutil.rmtree(tmp_path / "task" / "onnx")
    monkeypatch.setattr(exporting, "seal", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(tmp_path / "task")
    assert not (tmp_path / "task" / "onnx").exists()
    load(tmp_path / "task")
    monkeypatch.undo()
    export(tmp_path / "task")
    assert not (tmp_path / "task" / "onnx.partial").exists()
