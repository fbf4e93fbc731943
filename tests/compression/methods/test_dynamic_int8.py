"""Bytes without learning, run by ONNX Runtime."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime")

from mamebert.compression.contract import Subject
from mamebert.compression.forms import onnx_session
from mamebert.compression.forms.onnx_export import export_graph
from mamebert.compression.forms.onnx_runtime import GRAPH
from mamebert.compression.forms.onnx_session import Session, products_overflow
from mamebert.compression.goals import TaskGoal
from mamebert.compression.methods.dynamic_int8 import DynamicInt8, quantise_graph
from mamebert.compression.opening import open_form, open_subject
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.cost.latency import seconds_of
from mamebert.evaluation.cost.memory import forget_peak_memory, peak_memory
from mamebert.objectives import Objective
from mamebert.serving.load import load
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.answering import raw_outputs


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
    of_one_byte = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    assert {each.data_type for each in large} <= of_one_byte


def test_matrices_that_are_multiplied_are_signed(saved):
    import onnx

    graph = onnx.load(saved[0] / GRAPH).graph
    kinds = {each.name: each.data_type for each in graph.initializer}
    read = [
        kinds[name]
        for node in graph.node
        if node.op_type == "MatMulInteger"
        for name in node.input[1:2]
        if name in kinds
    ]
    assert len(read) >= 6 * 4
    assert set(read) == {onnx.TensorProto.INT8}


def test_graphs_of_unsigned_bytes_as_they_once_were_answer_the_same(saved, classifier, rows_bench, tmp_path):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder, forms = saved
    (floats,) = export_graph(classifier, tmp_path / "floats.onnx")
    old = shutil.copytree(folder, tmp_path / "old", ignore=shutil.ignore_patterns("SHA256SUMS"))
    quantize_dynamic(floats, old / GRAPH, per_channel=True, weight_type=QuantType.QUInt8)
    features = rows_bench.part(classifier, "test").features
    both = [open_form(place, forms[0]).subject for place in (folder, old)]
    one, other = (np.concatenate(raw_outputs(classifier.goal.task, each.network, features)) for each in both)
    np.testing.assert_allclose(one, other, atol=1e-5)


def has_vnni() -> bool:
    told = Path("/proc/cpuinfo")
    return told.is_file() and "vnni" in told.read_text()


@pytest.mark.slow
@pytest.mark.skipif(not has_vnni(), reason="its speed is that of VNNI")
@pytest.mark.parametrize("size", [(1, 32), (8, 32), (1, 128)])
def test_bytes_are_twice_as_fast_as_floats(size, tmp_path):
    shape = EncoderConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12)
    goal = TaskGoal(Task.find("classification")(), TaskState(("a", "b")), Reading())
    (floats,) = export_graph(Subject(goal.network(shape, 1000), goal, None), tmp_path / "model.onnx")
    quantise_graph(floats, tmp_path / "bytes.onnx")
    sessions = [Session(path, threads=1) for path in (floats, tmp_path / "bytes.onnx")]
    ids = torch.randint(5, 1000, size)
    best = [np.inf, np.inf]
    for _ in range(30):  # in turn, so that other work on the machine slows both
        took = [seconds_of(partial(each, ids, torch.ones_like(ids), ids * 0)) for each in sessions]
        best = [min(pair) for pair in zip(best, took, strict=True)]
    assert best[0] / best[1] > 2


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


def tell(folder, **changes):
    """Change config.json on purpose: nobody compares hashes any more."""
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, **changes}))


def test_a_graph_that_is_not_what_config_json_says_is_refused(saved):
    folder, forms = saved
    told = json.loads((folder / "config.json").read_text())
    for size in (told["vocab_size"] - 1, told["vocab_size"] + 1):
        tell(folder, vocab_size=size)
        with pytest.raises(UserError, match=r"does not belong to the config\.json|cannot answer"):
            open_form(folder, forms[0])
    learnt = told["mamebert"]["learnt"]
    for labels in (learnt["labels"][:-1], [*learnt["labels"], "another"]):
        tell(folder, **{**told, "mamebert": {**told["mamebert"], "learnt": {**learnt, "labels": labels}}})
        with pytest.raises(UserError, match=r"does not belong to the config\.json .* numbers where .* are read"):
            open_form(folder, forms[0])
    tell(folder, **told)
    open_form(folder, forms[0])


def test_a_graph_of_words_that_is_not_what_config_json_says_is_refused(encoder, text_bench, tmp_path):
    (form,) = DynamicInt8().save(DynamicInt8().compress(encoder, text_bench), tmp_path / "model")
    open_form(tmp_path / "model", form)
    told = json.loads((tmp_path / "model" / "config.json").read_text())
    tell(tmp_path / "model", hidden_size=64)
    with pytest.raises(UserError, match="does not give hidden states"):
        open_form(tmp_path / "model", form)
    objective = {**told["mamebert"]["objective"], "max_length": 65}
    tell(tmp_path / "model", **{**told, "mamebert": {**told["mamebert"], "objective": objective}})
    with pytest.raises(UserError, match=r"objective\.max_length 65 is longer than .* reads \(64\)\. Lower it"):
        open_form(tmp_path / "model", form)


def test_texts_longer_than_a_graph_reads_are_a_sentence(saved):
    folder, _ = saved
    told = json.loads((folder / "config.json").read_text())
    task = {**told["mamebert"]["task"], "max_length": 100}
    tell(folder, max_position_embeddings=100, mamebert={**told["mamebert"], "task": task})
    model = load(folder)
    assert model("The old boat.")
    with pytest.raises(UserError, match=r"model_quantized\.onnx cannot answer"):
        model("the boat " * 60)


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/hostname"])
def test_numbers_of_a_graph_that_lie_outside_its_folder_are_not_read(saved, place):
    import onnx

    folder, forms = saved
    (folder / "SHA256SUMS").unlink()
    (folder / "secret.bin").write_bytes(bytes(1000))
    graph = onnx.load(folder / GRAPH)
    tensor = next(each for each in graph.graph.initializer if each.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    (folder / GRAPH).write_bytes(graph.SerializeToString())
    with pytest.raises(UserError, match=r"model_quantized\.onnx cannot be loaded .* Download or save it again"):
        open_form(folder, forms[0])


def test_a_graph_that_makes_endless_numbers_is_refused_before_they_take_memory(saved):
    import onnx

    folder, forms = saved
    (folder / "SHA256SUMS").unlink()
    graph = onnx.load(folder / GRAPH)
    size = onnx.numpy_helper.from_array(np.array([1_000_000_000], np.int64), "endless_size")
    graph.graph.initializer.append(size)
    graph.graph.node.append(onnx.helper.make_node("ConstantOfShape", ["endless_size"], ["endless"]))
    graph.graph.node.append(onnx.helper.make_node("ReduceSum", ["endless"], ["endless_sum"], keepdims=0))
    graph.graph.output.append(onnx.helper.make_tensor_value_info("endless_sum", onnx.TensorProto.FLOAT, []))
    (folder / GRAPH).write_bytes(graph.SerializeToString())
    forget_peak_memory(torch.device("cpu"))
    before = peak_memory(torch.device("cpu"))
    with pytest.raises(UserError, match=r"model_quantized\.onnx"):
        open_form(folder, forms[0])
    assert peak_memory(torch.device("cpu")) - before < 1e9


def change_graph(folder, change):
    """Change the graph on purpose: nobody compares hashes any more."""
    import onnx

    (folder / "SHA256SUMS").unlink(missing_ok=True)
    graph = onnx.load(folder / GRAPH)
    change(graph.graph, onnx.helper)
    (folder / GRAPH).write_bytes(graph.SerializeToString())


def concatenate(graph, helper):
    graph.node.extend(helper.make_node("Concat", [f"x{n}"] * 2, [f"x{n + 1}"], axis=0) for n in range(40))


def double_weights(graph, helper):
    table = max(graph.initializer, key=lambda each: np.prod(each.dims)).name
    graph.node.append(helper.make_node("Identity", [table], ["x0"]))
    concatenate(graph, helper)


def double_answers(graph, helper):
    graph.node.append(helper.make_node("Identity", ["input_ids"], ["x0"]))
    concatenate(graph, helper)


def multiply_out(graph, helper):
    whole = [helper.make_tensor(name, 7, [2], size) for name, size in (("tall", [-1, 1]), ("flat", [1, -1]))]
    graph.initializer.extend(whole)
    graph.node.append(helper.make_node("Cast", ["input_ids"], ["y0"], to=1))
    for n in range(8):
        for name in ("tall", "flat"):
            graph.node.append(helper.make_node("Reshape", [f"y{n}", name], [f"{name}{n}"]))
        graph.node.append(helper.make_node("MatMul", [f"tall{n}", f"flat{n}"], [f"y{n + 1}"]))


@pytest.mark.parametrize("change", [double_weights, double_answers, multiply_out])
def test_a_graph_that_makes_more_and_more_of_little_is_refused_by_its_file_alone(saved, change, monkeypatch):
    folder, forms = saved
    products_overflow()  # loads one of its own
    monkeypatch.setattr(onnx_session, "_load", lambda *_: pytest.fail("it was loaded"))
    change_graph(folder, change)
    with pytest.raises(
        UserError, match=r"cannot be loaded .*asks for more memory than .* Download or save it again\.$"
    ):
        open_form(folder, forms[0])


def foreign(graph, helper):
    graph.node.append(helper.make_node("FusedMatMul", ["input_ids"], ["z"], domain="com.microsoft"))


def hidden_program(graph, helper):
    then = helper.make_graph([], "then", [], [])
    graph.node.append(helper.make_node("If", ["attention_mask"], ["z"], then_branch=then, else_branch=then))


def endless(graph, helper):
    graph.node.append(helper.make_node("Tile", ["attention_mask", "attention_mask"], ["z"]))


def claimed(graph, helper):
    graph.initializer[0].dims[0] = 10**12


@pytest.mark.parametrize(
    ("change", "told"),
    [(foreign, "'com.microsoft'"), (hidden_program, "field 6 in a setting"), (endless, "operator 'Tile'"),
     (claimed, "numbers, of which")],
)  # fmt: skip
def test_a_graph_with_what_is_never_written_here_is_refused_before_it_is_loaded(saved, change, told, monkeypatch):
    folder, forms = saved
    products_overflow()  # loads one of its own
    monkeypatch.setattr(onnx_session, "_load", lambda *_: pytest.fail("it was loaded"))
    change_graph(folder, change)
    with pytest.raises(UserError, match=f"cannot be loaded .*{told}") as refusal:
        open_form(folder, forms[0])
    assert str(refusal.value).count("\n") == 0


def test_a_graph_that_lies_beside_weights_and_was_made_elsewhere_is_not_asked(saved, classifiers, tmp_path):
    plain = shutil.copytree(classifiers / "models" / "N", tmp_path / "plain", ignore=shutil.ignore_patterns("SHA*"))
    (plain / "onnx").mkdir()
    (plain / GRAPH).write_bytes(b"no graph")
    assert load(plain)("The old boat.")
