"""mamebert: from raw text in any language to a small BERT that `transformers` opens."""

from importlib import import_module
from typing import Any

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import `load`, the stages and their settings when they are first asked for: torch takes seconds."""
    if name == "__version__":
        return import_module("importlib.metadata").version("mamebert")
    if name == "load":
        return import_module("mamebert.serving.load").load
    stages = import_module("mamebert.stages")
    for stage in stages.names():
        if name in (stage, f"{stage.capitalize()}Config"):
            return getattr(import_module(f"mamebert.stages.{stage}"), name)
    raise AttributeError(f"module 'mamebert' has no attribute {name!r}")
