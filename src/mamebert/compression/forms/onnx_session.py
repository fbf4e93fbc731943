"""A graph, loaded into ONNX Runtime."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mamebert.compression.forms.graph_file import GraphFile
from mamebert.compression.forms.graph_sizes import require_known
from mamebert.compression.forms.onnx_programs import onnx_program
from mamebert.errors import UserError

ONLY_WHAT_ENDS_IT = 4
"""How much ONNX Runtime prints by itself; errors are raised too."""
WITHOUT_OVERFLOW = ("session.x64quantprecision", "1")
"""An option of ONNX Runtime: signed weights become unsigned as they are loaded, whose kernels sum up in 32 bits."""
_A_PRODUCT = bytes.fromhex(
    "080512003a600a180a01610a0162120163220d4d61744d756c496e74656765721201675a140a0161120f0a0d080212090a03"
    "12016e0a0208045a140a0162120f0a0d080312090a0208040a0312016d62150a016312100a0e0806120a0a0312016e0a0312"
    "016d42040a00100a"
)
"""A graph of one operator, MatMulInteger: uint8 `a` [n, 4] times int8 `b` [4, m]."""


class Session:
    """A graph that answers."""

    def __init__(self, path: Path, threads: int = 0, check: Callable[[GraphFile], None] | None = None) -> None:
        """Load a graph; `threads` are those of one product, 0 takes as many as torch.

        One with anything in it that we do not write is a UserError, and `check` may refuse more, before it is loaded.
        """
        if not path.is_file():
            raise UserError(f"{path} is not there. Download or save it again, with all files whose names begin alike.")
        self.path = path
        graph = require_known(path)
        if check:
            check(graph)
        settings = [WITHOUT_OVERFLOW] if products_overflow() else []
        try:
            self.session = _load(str(path), threads or torch.get_num_threads(), settings)
        except Exception as error:  # of classes that onnxruntime does not name
            raise UserError(f"{path} cannot be loaded ({_short(error)}). Download or save it again.") from error
        self.names = [each.name for each in self.session.get_inputs()]

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Return the outputs, in order; inputs that the graph cannot take are a UserError."""
        given = {name: value.numpy() for name, value in zip(self.names, inputs, strict=True)}
        try:
            found = self.session.run(None, given)
        except Exception as error:  # an id beyond a table, say
            raise UserError(f"{self.path} cannot answer ({_short(error)}). Download or save it again.") from error
        return [torch.from_numpy(np.asarray(each)) for each in found]


@cache
def products_overflow() -> bool:
    """Tell whether this processor adds products of unsigned and signed bytes up in 16 bits, which are too few.

    x86 without VNNI does. The product is made rather than the processor's name read: it is what matters, on any
    system. Where there is VNNI the option must not be set, for it would take the faster kernels away.
    """
    largest = {"a": np.full((1, 4), 255, np.uint8), "b": np.full((4, 1), 127, np.int8)}
    (found,) = _load(_A_PRODUCT, 1).run(None, largest)
    return int(found.item()) != 4 * 255 * 127


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _load(graph: str | bytes, threads: int, settings: list[tuple[str, str]] | None = None) -> Any:
    onnxruntime = onnx_program("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = ONLY_WHAT_ENDS_IT
    for name, value in settings or []:
        options.add_session_config_entry(name, value)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
