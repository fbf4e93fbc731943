"""The models that come with the program, and answer to their names wherever the folder of a model is asked for."""

from pathlib import Path

from mamebert.files.names import path_of

PLACE = Path(__file__).parents[1] / "shipped"


def shipped_names() -> list[str]:
    """Return the names of the models that come with the program."""
    return sorted(path.parent.name for path in PLACE.glob("*/config.json"))


def where_models_are() -> str:
    """Return what to do, in a sentence, where a folder that is asked for is not there."""
    if names := shipped_names():
        return f"Check the path, run the stage that makes it, or name a model that is shipped: {', '.join(names)}."
    return "Check the path, or run the stage that makes it."


def folder_of(text: str | Path) -> Path:
    """Return the path that a text stands for, or the folder of the shipped model of that name.

    What lies here under the same name comes first. A ValueError where there can be no such path.
    """
    path = path_of(text)
    if len(path.parts) == 1 and path.name in shipped_names() and not path.exists():
        return PLACE / path.name
    return path
