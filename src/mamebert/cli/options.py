"""What commands have in common: settings as words, and options that print them."""

from typing import Annotated

import typer

Words = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE.toml] [KEY=VALUE]...", help="Settings; later ones win.")
]
ShowSettings = Annotated[
    bool,
    typer.Option(
        "--settings",
        help="Print the settings with default, bounds and meaning: `--settings training` those of that group, "
        "`--settings training.peak` those whose names begin so, `--settings task.tagging` those of one kind, "
        "`--settings all` every one.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved settings and what it will take, and stop.")]
