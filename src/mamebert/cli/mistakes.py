"""Mistakes in the words of a command line, as sentences with the way out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from mamebert.cli.order import ORDER
from mamebert.errors import UserError, unknown

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What the library of the command line calls a mistake in it; it has no public name."""


class Verbs(TyperGroup):
    """The commands; a mistake in the words is a sentence with the nearest right word, as any other mistake."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        """Read the words before the name of a command."""
        with _mistakes_as_sentences():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        """Find the command, read its words, and do it."""
        with _mistakes_as_sentences():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first word names."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise unknown("command", args[0], ORDER)
        return super().resolve_command(ctx, args)


@contextmanager
def _mistakes_as_sentences() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # not a mistake: the help is shown
            raise
        raise _usage_mistake(error) from error


def _usage_mistake(error: Any) -> UserError:
    """Return a mistake in the words of a command line as a fact and the way out."""
    context = getattr(error, "ctx", None)
    command = " ".join(["mamebert", *context.command_path.split("mamebert", 1)[1].split()]) if context else "mamebert"
    way_out = f"`{command} --help` tells what it takes."
    what = type(error).__name__  # the classes have no public names
    if what == "NoSuchOption":
        names = [name for each in context.command.get_params(context) for name in each.opts] if context else ["--help"]
        return unknown("option", error.option_name, [name for name in names if name.startswith("--")])
    if what == "MissingParameter":
        return UserError(f"{command}: {error.param.name.upper()} is missing. {way_out}")
    told = error.format_message().rstrip(".").replace("\n", " ")
    return UserError(f"{told}. {way_out}")
