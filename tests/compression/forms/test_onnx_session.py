"""Graphs in ONNX Runtime, and processors on which products of bytes overflow."""

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime")

from mamebert.compression.forms import onnx_session
from mamebert.compression.forms.onnx_programs import onnx_program
from mamebert.compression.forms.onnx_session import WITHOUT_OVERFLOW, Session, products_overflow
from mamebert.errors import UserError


@pytest.fixture
def product(tmp_path):
    """Write a graph whose weights are the largest signed bytes."""
    onnx = onnx_program("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = onnx.numpy_helper.from_array(np.full((8, 3), 127, np.int8), "weights")
    taken = [helper.make_tensor_value_info("bytes", kinds.UINT8, ["rows", 8])]
    given = [helper.make_tensor_value_info("sums", kinds.INT32, ["rows", 3])]
    node = helper.make_node("MatMulInteger", ["bytes", "weights"], ["sums"])
    graph = helper.make_graph([node], "product", taken, given, [weights])
    path = tmp_path / "product.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def asks_for_unsigned(session: Session) -> bool:
    try:
        return session.session.get_session_options().get_session_config_entry(WITHOUT_OVERFLOW[0]) == "1"
    except RuntimeError:  # nothing was set
        return False


def test_sums_of_the_largest_bytes_are_exact_on_every_processor(product):
    (sums,) = Session(product)(torch.full((5, 8), 255, dtype=torch.uint8))
    assert sums.tolist() == [[8 * 255 * 127] * 3] * 5


def test_unsigned_kernels_are_asked_for_where_signed_ones_overflow_and_nowhere_else(product, monkeypatch):
    monkeypatch.setattr(onnx_session, "products_overflow", lambda: True)
    slow = Session(product)
    assert asks_for_unsigned(slow)
    assert slow(torch.full((1, 8), 255, dtype=torch.uint8))[0].tolist() == [[8 * 255 * 127] * 3]
    monkeypatch.setattr(onnx_session, "products_overflow", lambda: False)
    assert not asks_for_unsigned(Session(product))


def test_the_probe_is_the_product_of_bytes_that_it_is_said_to_be():
    onnx = onnx_program("onnx")
    model = onnx.load_from_string(onnx_session._A_PRODUCT)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["MatMulInteger"]
    assert [each.type.tensor_type.elem_type for each in model.graph.input] == [
        onnx.TensorProto.UINT8,
        onnx.TensorProto.INT8,
    ]
    assert products_overflow() in (True, False)


def test_a_graph_that_is_not_there_or_damaged_is_told(tmp_path):
    with pytest.raises(UserError, match="is not there"):
        Session(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(UserError, match="cannot be loaded"):
        Session(tmp_path / "model.onnx")


def test_a_graph_that_cannot_be_computed_is_told(product):
    with pytest.raises(UserError, match=r"product\.onnx cannot answer .* Download or save it again"):
        Session(product)(torch.zeros(5, 7, dtype=torch.uint8))
