"""The words of `mamebert serve MODEL... --port 8000`, as settings."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mamebert.cli.model_words import Words, model_names
from mamebert.cli.options import ShowSettings
from mamebert.config import build, described, read_settings, with_environment
from mamebert.config.merging import merge
from mamebert.errors import unknown
from mamebert.extras import require_extra
from mamebert.server.settings import ServeConfig


def serve_verb(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL... [--NAME VALUE]... [FILE.toml] [KEY=VALUE]...",
            help="Runs or model folders, and settings such as --port 8000 or models.NAME=FOLDER.",
        ),
    ] = None,
    show: ShowSettings = False,
) -> None:
    """Answer over HTTP, with a page to try the models; needs mamebert[serve]."""
    if show:
        print("\n".join(described(ServeConfig, (words or [""])[0])))
        return
    config = build(ServeConfig, with_environment(serve_settings(words or [])))
    require_extra("serve")
    from mamebert.server.running import serve

    serve(config)


def serve_settings(words: Sequence[str]) -> dict[str, Any]:
    """Return settings: bare words are models; `--name value` and KEY=VALUE are settings, as anywhere."""
    bare, settings, options = Words.of(words)
    # Those without a name come first, as on the command line: the first model answers who names none.
    found: dict[str, Any] = {"models": dict(zip(model_names(bare), bare, strict=True))} if bare else {}
    merge(found, read_settings(settings))
    for name, value in options:
        if name.partition(".")[0] not in ServeConfig.model_fields:
            raise unknown("option", f"--{name}", [f"--{each}" for each in sorted(ServeConfig.model_fields)])
        merge(found, read_settings([f"{name}={value}"]), one_saying=True)
    return found
