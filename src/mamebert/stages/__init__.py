"""THE STORY: one file, or folder, per command. The listing of this folder is the list of commands."""

import sys
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, get_type_hints

from mamebert.errors import unknown
from mamebert.runs import Run, StageConfig, drop_empty


def names() -> list[str]:
    """Return the commands that make a run folder."""
    return sorted(m.name for m in iter_modules(__path__))


def find(command: str) -> tuple[type[StageConfig], Callable[[StageConfig], Run]]:
    """Return the settings class and the function of a command; a UserError offers the nearest name."""
    if command not in names():
        raise unknown("command", command, names())
    function = getattr(import_module(f"{__name__}.{command}"), command)
    return get_type_hints(function)["config"], function


def of(command: str, name: str) -> Callable[..., Any] | None:
    """Return another function of a command's file, such as `check`; None where it has none."""
    find(command)
    found: Callable[..., Any] | None = getattr(sys.modules[f"{__name__}.{command}"], name, None)
    return found


def do(command: str, config: StageConfig) -> Run:
    """Do a stage; one that fails with nothing made yet leaves no folder."""
    _, work = find(command)
    try:
        return work(config)
    except BaseException:
        drop_empty(config.output)
        raise
