"""The optional parts of mamebert: packages that some commands need, installed by `pip install 'mamebert[NAME]'`."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mamebert.errors import UserError


@dataclass(frozen=True)
class Extra:
    """Packages that are installed together, by the names that they are imported by."""

    modules: tuple[str, ...]
    needed_by: str
    """What cannot be done without them."""
    way_out: str = ""
    """What else than installing them can be done."""


EXTRAS = {
    "ja": Extra(("fugashi", "unidic_lite"), "Japanese words by MeCab"),
    "wiki": Extra(("mwparserfromhell",), "Wikipedia dumps"),
    "unigram": Extra(("sentencepiece",), "Unigram vocabularies"),
    "filters": Extra(("py3langid",), "Filters by language"),
    "dedup": Extra(("datasketch",), "Near duplicates"),
    "ray": Extra(("ray",), "Stages on a Ray cluster (engine=ray)", "leave engine as it is"),
    "hub": Extra(("datasets",), "Data sets of Hugging Face"),
    "tensorboard": Extra(("tensorboard",), "TensorBoard's event files (tensorboard=true)", "leave the setting out"),
    "tune": Extra(("optuna",), "Searches by search.method=optuna", "set search.method=grid"),
    "serve": Extra(("fastapi", "httptools", "prometheus_client", "uvicorn"), "Answers over HTTP (`mamebert serve`)"),
    "onnx": Extra(("onnx", "onnxruntime"), "ONNX graphs"),
}


def require_extra(name: str) -> None:
    """Raise a UserError where a package of an extra is not installed, or cannot be imported."""
    for module in EXTRAS[name].modules:
        import_extra(name, module)


def import_extra(name: str, module: str) -> Any:
    """Return a module of an extra; a UserError where it cannot be imported."""
    try:
        return import_module(module)
    except ImportError as error:
        extra = EXTRAS[name]
        raise UserError(
            f"{extra.needed_by} need the package {error.name or module}. Install it with: "
            f"pip install 'mamebert[{name}]'{f', or {extra.way_out}' if extra.way_out else ''}."
        ) from error
