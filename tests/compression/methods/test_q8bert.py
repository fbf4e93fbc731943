"""Learning with eight bits, and running on them."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("onnxruntime")

from mamebert.compression.bench import RowsBench
from mamebert.compression.forms.graph_sizes import OPERATORS, require_known
from mamebert.compression.forms.onnx_runtime import inputs_of
from mamebert.compression.forms.onnx_session import Session
from mamebert.compression.methods.q8bert import Q8Bert, quantised, save_integer_graph
from mamebert.compression.opening import open_form, open_subject
from mamebert.compression.quantisation.activation_range import ActivationRange
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError
from mamebert.tasks.data.features import pack
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import open_network
from mamebert.training.settings import Training

TOLERANCE = 0.01
"""Of logits up to 5, twice what was seen: now and then a number between two steps is rounded the other way."""
TIE = 1e-4
"""How near to the middle between two bytes a number has to lie that another order of adding up can move across it."""


@pytest.fixture(scope="module")
def finished(toys, tmp_path_factory):
    """The classifier after Q8BERT, its folder and its forms."""
    folder = tmp_path_factory.mktemp("q8bert")
    bench = RowsBench(deepcopy(toys.classifier), 1, folder, torch.device("cpu"), toys.rows)
    method = Q8Bert(training=Training(epochs=2, batch_tokens=256, peak_lr=1e-3, precision="float32"), soft_targets=1.0)
    subject = deepcopy(toys.classifier)
    method.check(subject, bench)
    subject = method.compress(subject, bench)
    return subject, bench, folder / "model", method.save(subject, folder / "model")


def answers(subject, bench):
    features = bench.part(subject, "test").features
    return np.concatenate(raw_outputs(subject.goal.task, subject.network, features))


def test_the_quality_stays(finished):
    subject, bench, *_ = finished
    assert bench.score(subject) >= bench.score(bench.teacher) - 0.05


def test_every_matrix_and_table_is_rounded(finished):
    names = [name for name, _ in quantised(finished[0].network)]
    assert len(names) == 3 + 4 * 6 + 2  # tables, layers, pooler and classifier


def test_the_graph_on_integer_kernels_answers_as_the_simulation(finished):
    subject, bench, folder, forms = finished
    assert forms[0].name == "onnx_int8"
    opened = open_form(folder, forms[0]).subject
    apart = np.abs(answers(opened, bench) - answers(subject, bench))
    assert apart.max() < TOLERANCE
    assert np.median(apart) < 1e-4


def test_graph_and_simulation_part_where_a_number_lies_between_two_bytes(finished, tmp_path):
    """ONNX Runtime's fused operators add float32 up in another order than torch: the last bits differ, nothing else.

    The first byte that is another is so by 1, and lay in the middle between two. What follows from it may differ more.
    """
    subject, bench, *_ = finished
    network, features = deepcopy(subject.network).eval(), bench.part(subject, "test").features
    graph = graph_that_shows_its_bytes(subject, tmp_path / "graph.onnx")
    seen = []
    for module in network.modules():
        if isinstance(module, ActivationRange):
            module.register_forward_pre_hook(lambda at, given: seen.append((given[0], at.grid())))
    for number in range(len(features)):
        seen.clear()
        batch = pack(features, [number])
        with torch.no_grad():
            simulated = network(batch).numpy()
        answer, *of_graph = graph(*inputs_of(Padded.of(batch.packed), graph.names))
        assert len(of_graph) == len(seen) >= 4 * 6
        for (values, grid), bytes_there in zip(seen, of_graph, strict=True):
            places = (values / grid.step).clamp(*grid.bounds()).flatten()
            apart = bytes_there.flatten().int() - grid.zero_point.int() - places.round().int()
            if apart.any():
                assert apart.abs().max() == 1
                assert ((places - places.floor() - 0.5).abs()[apart != 0] < TIE).all()
                break
        else:
            np.testing.assert_allclose(answer.numpy(), simulated, atol=1e-5)


def graph_that_shows_its_bytes(subject, path):
    """The graph, whose outputs are the answer and whatever was rounded, in the order in which it is computed."""
    import onnx

    save_integer_graph(subject, path)
    model = onnx.load(path)
    rounded = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    uint8 = onnx.TensorProto.UINT8
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, uint8, None) for name in rounded)
    onnx.save(model, path)
    return Session(path)


def test_the_graph_holds_bytes_and_multiplies_them(finished, tmp_path):
    import onnx
    import onnxruntime

    graph = finished[2] / finished[3][0].place
    large = [each for each in onnx.load(graph).graph.initializer if np.prod(each.dims) > 200]
    assert {each.data_type for each in large} == {onnx.TensorProto.INT8}
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    nodes = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert nodes.count("MatMulIntegerToFloat") >= 4 * 6


def test_the_graph_is_of_operators_that_are_known(finished):
    known = {node.operator for node in require_known(finished[2] / finished[3][0].place).nodes}
    assert {"QuantizeLinear", "DequantizeLinear"} <= known <= OPERATORS


def test_the_integers_restore_the_same_network(finished):
    subject, bench, folder, _ = finished
    opened = open_subject(folder)
    np.testing.assert_allclose(answers(opened, bench), answers(subject, bench), atol=1e-5)
    assert bench.score(opened) == bench.score(subject)


def test_what_leaves_a_gelu_has_nearly_all_bytes_for_what_is_above_zero(finished):
    for layer in finished[0].network.bert.encoder.layer:
        kept = layer.output.dense.inputs
        assert -0.18 < float(kept.low) < 0
        assert kept.grid().zero_point < 255 * 0.18 / (float(kept.high) + 0.17) + 1


def test_folders_of_before_have_symmetric_ranges_and_answer_as_they_did(classifier, rows_bench, as_before, tmp_path):
    training = Training(steps=3, batch_tokens=256, peak_lr=1e-3, precision="float32")
    subject = Q8Bert(training=training, activation_range="symmetric").compress(classifier, rows_bench)
    forms = Q8Bert(activation_range="symmetric").save(subject, tmp_path / "model")
    expected = answers(subject, rows_bench)
    as_before(tmp_path / "model")
    opened = open_subject(tmp_path / "model")
    np.testing.assert_allclose(answers(opened, rows_bench), expected, atol=1e-5)
    graph = open_form(tmp_path / "model", forms[0]).subject
    assert np.abs(answers(graph, rows_bench) - expected).max() < TOLERANCE
    ranges = [module for module in opened.network.modules() if isinstance(module, ActivationRange)]
    assert {kept.scheme for kept in ranges} == {"symmetric"}
    assert all(kept.low == -kept.high for kept in ranges)


@pytest.mark.parametrize("bits", [2, 4, 7])
def test_fewer_bits_than_a_byte_has_are_those_of_the_graph_too(classifier, rows_bench, tmp_path, bits):
    training = Training(steps=2, batch_tokens=256, peak_lr=1e-3, precision="float32")
    subject = Q8Bert(training=training, activation_bits=bits).compress(classifier, rows_bench)
    save_integer_graph(subject, tmp_path / "graph.onnx")
    features = rows_bench.part(subject, "test").features
    batch = pack(features, [0])
    graph = Session(tmp_path / "graph.onnx")
    with torch.no_grad():
        expected = subject.network.eval()(batch).numpy()
    found, *_ = graph(*inputs_of(Padded.of(batch.packed), graph.names))
    np.testing.assert_allclose(found.numpy(), expected, atol=TOLERANCE)


def test_weights_lie_there_as_int8_and_biases_as_int32(finished):
    tensors = load_file(finished[2] / "model.safetensors")
    place = "bert.encoder.layer.0.attention.self.query"
    assert tensors[f"{place}.weight.integers"].dtype == torch.int8
    assert tensors[f"{place}.bias.integers"].dtype == torch.int32
    floats = sum(t.numel() for t in tensors.values() if t.dtype == torch.float32)
    assert floats < 0.05 * sum(t.numel() for t in tensors.values())


def test_what_is_stored_is_about_a_quarter(finished):
    subject, _, folder, _ = finished
    stored = sum(tensor.nbytes for tensor in load_file(folder / "model.safetensors").values())
    assert 0.25 < stored / sum(parameter.nbytes for parameter in subject.network.parameters()) < 0.31


def test_plain_transformers_weights_are_on_the_grid(finished):
    subject, bench, folder, forms = finished
    assert forms[2].name == "plain"
    _, _, network = open_network(folder / forms[2].place)
    assert network.bert.encoder.layer[0].output.dense.weight.unique().numel() <= 255
    found = np.concatenate(raw_outputs(subject.goal.task, network, bench.part(subject, "test").features))
    assert np.abs(found - answers(subject, bench)).max() < 1


def test_the_opened_network_can_go_on_learning(finished):
    _, bench, folder, _ = finished
    opened = open_subject(folder)
    bench.learn(opened, Training(steps=2, batch_tokens=256, peak_lr=1e-3, precision="float32"))
    assert bench.score(opened) > 0.8


def test_an_encoder_keeps_its_words(encoder, text_bench, quick, tmp_path):
    before = text_bench.score(encoder)
    method = Q8Bert(training=Training(steps=20, **quick))
    subject = method.compress(encoder, text_bench)
    forms = method.save(subject, tmp_path / "model")
    assert text_bench.score(subject) > before - 0.1
    assert text_bench.score(open_form(tmp_path / "model", forms[0]).subject) == pytest.approx(
        text_bench.score(subject), abs=0.05
    )
    assert text_bench.score(open_subject(tmp_path / "model")) == pytest.approx(text_bench.score(subject), abs=1e-4)


@pytest.mark.parametrize(
    "settings", [{"weight_bits": 1}, {"activation_bits": 9}, {"range_decay": 1.0}, {"activation_range": "x"}]
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(UserError, match=next(iter(settings))):
        Q8Bert(**settings)


def test_after_uneven_pruning_the_plain_form_is_one_of_plain_transformers(classifier, rows_bench, tmp_path):
    from mamebert.compression.pruning.uneven_shapes import keep

    everyone = [list(range(classifier.bert.config.intermediate_size))] * 4
    keep(classifier.bert, [[0, 1, 2, 3], [0, 2], [1], [3, 0]], everyone)
    training = Training(steps=1, batch_tokens=256, peak_lr=1e-4, precision="float32")
    method = Q8Bert(training=training)
    small = method.compress(classifier, rows_bench)
    plain = method.save(small, tmp_path / "model")[-1]
    assert plain.opens_with.startswith("transformers BertForSequenceClassification")
