"""The words of `mamebert probe KIND MODEL... --pairs FILE`, as settings."""

from collections.abc import Sequence
from typing import Any

from mamebert.cli.model_words import Words, model_names
from mamebert.config import read_settings
from mamebert.config.merging import BARE, merge
from mamebert.errors import UserError, unknown
from mamebert.probes import Probe
from mamebert.stages.probe.settings import ProbeConfig

OWN = ProbeConfig.model_fields.keys() - {"models", "probe"}
"""Settings of the command itself; those of the question follow `--` as well."""


def probe_settings(words: Sequence[str]) -> dict[str, Any]:
    """Return settings: the kind comes first, then models; `--name value` and KEY=VALUE are settings, as anywhere."""
    bare, settings, options = Words.of(words)
    found = read_settings(settings)
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
