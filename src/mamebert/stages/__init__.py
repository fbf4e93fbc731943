"""THE STORY: one file per command. The folder listing is the list of commands."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import get_type_hints

from mamebert.errors import unknown
from mamebert.runs import Run, StageConfig


def names() -> list[str]:
    """Return the commands that make a run folder."""
    return sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_"))


def find(command: str) -> tuple[type[StageConfig], Callable[[StageConfig], Run]]:
    """Return the settings class and the function of a command; a UserError offers the nearest name."""
    if command not in names():
        raise unknown("command", command, names())
    function = getattr(import_module(f"{__name__}.{command}"), command)
    return get_type_hints(function)["config"], function
