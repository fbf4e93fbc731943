"""The words of `mamebert report RUN... --output PAGE`, as settings."""

from collections.abc import Sequence
from typing import Any

from mamebert.cli.model_words import Words
from mamebert.config import read_settings
from mamebert.config.merging import merge
from mamebert.errors import unknown
from mamebert.stages.report import ReportConfig


def report_settings(words: Sequence[str]) -> dict[str, Any]:
    """Return settings: words without a name are run folders; `--name value` and KEY=VALUE are settings, as anywhere."""
    bare, settings, options = Words.of(words)
    found = read_settings(settings)
    if bare:
        merge(found, {"runs": bare}, one_saying=True)
    for name, value in options:
        if name not in ReportConfig.model_fields:
            raise unknown("option", f"--{name}", [f"--{each}" for each in sorted(ReportConfig.model_fields)])
        merge(found, read_settings([f"{name}={value}"]), one_saying=True)
    return found
