"""The programs of the extra "onnx": nothing else of this package imports them."""

import os
from importlib import import_module
from types import ModuleType

from mamebert.errors import UserError

NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def onnx_program(name: str) -> ModuleType:
    """Return `onnx`, `onnxruntime` or a module of theirs; a UserError where it is not installed."""
    # ONNX Runtime 1.29 and later write identifiers of the machine below the home folder as soon as a session opens, and
    # report to a host of its makers. They read this when they are imported; what can be called afterwards is too late.
    os.environ[NO_TELEMETRY] = "1"
    try:
        return import_module(name)
    except ImportError as error:
        raise UserError(
            f"{name.partition('.')[0]} is not installed, and graphs need it. Install it: pip install 'mamebert[onnx]'."
        ) from error


def require_onnx(*names: str) -> None:
    """Raise a UserError where the programs of the extra are not installed."""
    for name in names or ("onnx", "onnxruntime"):
        onnx_program(name)
