"""mamebert: from raw text in any language to a small BERT that `transformers` opens."""

from importlib import import_module
from typing import Any

__all__ = [
    "CleanConfig",
    "CompressConfig",
    "ContrastConfig",
    "EvaluateConfig",
    "FinetuneConfig",
    "InspectConfig",
    "PretrainConfig",
    "ProbeConfig",
    "ReportConfig",
    "SelectConfig",
    "TokenizeConfig",
    "VectorsConfig",
    "VocabConfig",
    "clean",
    "compress",
    "contrast",
    "evaluate",
    "finetune",
    "inspect",
    "load",
    "pretrain",
    "probe",
    "report",
    "select",
    "tokenize",
    "vectors",
    "vocab",
]

# What is there, with its types, stands in __init__.pyi, written by docs/scripts/typed_face.py.
_MODULES = {"load": "serving.load", "inspect": "inspection"}


def __dir__() -> list[str]:
    return [*__all__, "__version__", "__doc__"]


def __getattr__(name: str) -> Any:
    """Import a command, its settings or `load` when it is first asked for: torch takes seconds."""
    if name == "__version__":
        return import_module("importlib.metadata").version("mamebert")
    if name not in __all__:
        raise AttributeError(f"module 'mamebert' has no attribute {name!r}")
    command = name.removesuffix("Config").lower()
    return getattr(import_module(f"mamebert.{_MODULES.get(command, f'stages.{command}')}"), name)
