"""Words of a command that begins with models: `MODEL... --name value KEY=VALUE FILE.toml`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from mamebert.config.reading import is_file
from mamebert.errors import UserError


class Words(NamedTuple):
    """The words of a command line by what they are, each kind in its order."""

    bare: list[str]
    """Models, and whatever else has no name."""
    settings: list[str]
    """KEY=VALUE, and files of settings."""
    options: list[tuple[str, str]]
    """Name and value of `--name value` and `--name=value`."""

    @classmethod
    def of(cls, words: Sequence[str]) -> Self:
        """Sort words; an option without a value is a UserError."""
        found = cls([], [], [])
        rest = iter(words)
        for word in rest:
            if word.startswith("--"):
                found.options.append(_option(word, rest))
            elif "=" in word or (word.endswith((".toml", ".json")) and is_file(word)):
                found.settings.append(word)
            else:
                found.bare.append(word)
        return found


def model_names(models: Sequence[str]) -> list[str]:
    """Return what models are called in tables: as their folders, or the runs that hold them; or else by their paths."""
    parts = [Path(model).absolute().parts for model in models]
    names = [(each[-2] if each[-1] == "model" and len(each) > 1 else each[-1]) for each in parts]
    return names if len(set(names)) == len(names) else [str(Path(model)) for model in models]


def _option(word: str, rest: Iterator[str]) -> tuple[str, str]:
    name, equals, value = word.removeprefix("--").partition("=")
    if not equals:
        try:
            value = next(rest)
        except StopIteration:
            raise UserError(f"{word} needs a value. Write {word} VALUE.") from None
    return name.replace("-", "_"), value
