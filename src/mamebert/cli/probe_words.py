"""The words of `mamebert probe KIND MODEL... --pairs FILE`, as settings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mamebert.config import read_settings
from mamebert.config.merging import BARE, merge
from mamebert.config.reading import is_file
from mamebert.errors import UserError, unknown
from mamebert.probes import Probe
from mamebert.stages.probe.settings import ProbeConfig

OWN = ProbeConfig.model_fields.keys() - {"models", "probe"}
"""Settings of the command itself; those of the question follow `--` as well."""


def probe_settings(words: Sequence[str]) -> dict[str, Any]:
    """Return settings: the kind comes first, then models; `--name value` and KEY=VALUE are settings, as anywhere."""
    bare, pairs, options = list[str](), list[str](), list[tuple[str, str]]()
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            options.append(option(word, rest))
        elif "=" in word or (word.endswith((".toml", ".json")) and is_file(word)):
            pairs.append(word)
        else:
            bare.append(word)
    found = read_settings(pairs)
    if bare:
        merge(found, {"probe": {"kind": _kind(bare[0])}})
    kind = _kind_in(found.get("probe"))
    if kind is None:
        kinds = ", ".join(name.replace("_", "-") for name in Probe.names())
        raise UserError(f"What is asked is missing. Choose from: {kinds}. `mamebert probe --help` tells the rest.")
    if bare[1:]:
        merge(found, {"models": dict(zip(model_names(bare[1:]), bare[1:], strict=True))})
    if options:
        merge(found, _read(options, Probe.find(kind)), one_saying=True)
    return found


def _kind_in(probe: Any) -> str | None:
    """Return the kind that settings of a probe name, alone or in a table; None where they name none."""
    told = probe.get("kind", probe.get(BARE)) if isinstance(probe, dict) else probe
    return told.replace("-", "_") if isinstance(told, str) else None


def option(word: str, rest: Iterator[str]) -> tuple[str, str]:
    """Return name and value of `--name value` or `--name=value`."""
    name, equals, value = word.removeprefix("--").partition("=")
    if not equals:
        try:
            value = next(rest)
        except StopIteration:
            raise UserError(f"{word} needs a value. Write {word} VALUE.") from None
    return name.replace("-", "_"), value


def _read(options: Sequence[tuple[str, str]], kind: type[Probe]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    asked = kind.model_fields.keys() - {"kind"}
    for name, value in options:
        if name not in OWN | asked:
            raise unknown("option", f"--{name}", [f"--{each}" for each in sorted(OWN | asked)])
        merge(found, read_settings([f"{name if name in OWN else f'probe.{name}'}={value}"]), one_saying=True)
    return found


def _kind(word: str) -> str:
    kind = word.replace("-", "_")
    if kind not in Probe.names():
        raise unknown("probe", word, [name.replace("_", "-") for name in Probe.names()])
    return kind


def model_names(models: Sequence[str]) -> list[str]:
    """Return what models are called in tables: as their folders, or the runs that hold them; or else by their paths."""
    parts = [Path(model).absolute().parts for model in models]
    names = [(each[-2] if each[-1] == "model" and len(each) > 1 else each[-1]) for each in parts]
    return names if len(set(names)) == len(names) else [str(Path(model)) for model in models]
