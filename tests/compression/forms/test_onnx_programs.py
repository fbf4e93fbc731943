"""What graphs are made and run with, and that it keeps to itself."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mamebert
from mamebert.compression.forms.onnx_programs import NO_TELEMETRY

PACKAGE = Path(mamebert.__file__).parent
THE_PLACE = PACKAGE / "compression" / "_onnx_programs.py"


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("import_module", "__import__"):
            found |= {str(each.value).partition(".")[0] for each in node.args if isinstance(each, ast.Constant)}
    return found


def test_one_place_imports_them():
    others = [path for path in PACKAGE.rglob("*.py") if path != THE_PLACE]
    assert len(others) > 100
    assert [path for path in others if imports_of(path) & {"onnx", "onnxruntime"}] == []


def test_a_session_leaves_nothing_in_the_home_folder(tmp_path):
    pytest.importorskip("onnxruntime")
    home, graph = tmp_path / "home", tmp_path / "relu.onnx"
    home.mkdir()
    code = f"""
from pathlib import Path
from mamebert.compression.forms.onnx_programs import onnx_program
helper = onnx_program("onnx.helper")
values = [helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
Path({str(graph)!r}).write_bytes(model.SerializeToString())
from mamebert.compression.forms.onnx_runtime import Session
Session(Path({str(graph)!r}))
"""
    places = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    env = {name: value for name, value in os.environ.items() if name != NO_TELEMETRY} | places
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
