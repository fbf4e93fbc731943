"""The programs of the extra "onnx": nothing else of this package imports them."""

import os
from typing import Any

from mamebert.extras import import_extra

NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def onnx_program(name: str) -> Any:
    """Return `onnx`, `onnxruntime` or a module of theirs; a UserError where it is not installed."""
    # ONNX Runtime 1.29 and later write identifiers of the machine below the home folder as soon as a session opens, and
    # report to a host of its makers. They read this when they are imported; what can be called afterwards is too late.
    os.environ[NO_TELEMETRY] = "1"
    return import_extra("onnx", name)


def require_onnx(*names: str) -> None:
    """Raise a UserError where the programs of the extra are not installed."""
    for name in names or ("onnx", "onnxruntime"):
        onnx_program(name)
