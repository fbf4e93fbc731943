"""mamebert: from raw text in any language to a small BERT that `transformers` opens."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mamebert.inspection import inspect
    from mamebert.inspection.settings import InspectConfig
    from mamebert.serving.load import load
    from mamebert.stages.clean import CleanConfig, clean
    from mamebert.stages.compress import compress
    from mamebert.stages.compress.settings import CompressConfig
    from mamebert.stages.evaluate import evaluate
    from mamebert.stages.evaluate.settings import EvaluateConfig
    from mamebert.stages.finetune import finetune
    from mamebert.stages.finetune.settings import FinetuneConfig
    from mamebert.stages.pretrain import pretrain
    from mamebert.stages.pretrain.settings import PretrainConfig
    from mamebert.stages.report import ReportConfig, report
    from mamebert.stages.tokenize import TokenizeConfig, tokenize
    from mamebert.stages.vectors import VectorsConfig, vectors
    from mamebert.stages.vocab import VocabConfig, vocab

__all__ = [
    "CleanConfig",
    "CompressConfig",
    "EvaluateConfig",
    "FinetuneConfig",
    "InspectConfig",
    "PretrainConfig",
    "ReportConfig",
    "TokenizeConfig",
    "VectorsConfig",
    "VocabConfig",
    "clean",
    "compress",
    "evaluate",
    "finetune",
    "inspect",
    "load",
    "pretrain",
    "report",
    "tokenize",
    "vectors",
    "vocab",
]

__version__: str
_MODULES = {"load": "serving.load", "inspect": "inspection"}


def __dir__() -> list[str]:
    return [*__all__, "__version__", "__doc__"]


if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> Any:
        """Import a command, its settings or `load` when it is first asked for: torch takes seconds."""
        if name == "__version__":
            return import_module("importlib.metadata").version("mamebert")
        if name not in __all__:
            raise AttributeError(f"module 'mamebert' has no attribute {name!r}")
        command = name.removesuffix("Config").lower()
        return getattr(import_module(f"mamebert.{_MODULES.get(command, f'stages.{command}')}"), name)
