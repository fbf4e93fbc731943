"""`mamebert init`: a recipe for a language and a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from mamebert.cli.answering import given_path


def init_verb(
    language: Annotated[str, typer.Option(help="ISO 639 code of the text's language: ga, ja, en ...")],
    corpus: Annotated[str, typer.Option(help="A file, a folder, or a pattern in quotes such as 'texts/*.txt'.")],
    out: Annotated[Path | None, typer.Option(help="The recipe to write; else LANGUAGE.toml in this folder.")] = None,
    hours: Annotated[
        float, typer.Option(help="How long pretraining may take here; model and steps follow.", min=0.01)
    ] = 8.0,
    reader: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="How the files are read: text_column=body, encoding=cp932, kind=wikipedia ..."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file where it is there already.")] = False,
) -> None:
    """A recipe for your corpus: looks at it, and advises sizes, steps and time."""
    from mamebert.language_recipes.making import make_recipe
    from mamebert.serving.rows import reader_settings

    place = given_path(out) if out else Path(f"{language}.toml")
    path = str(given_path(Path(corpus)))
    for line in make_recipe(language, path, place, overwrite, hours, reader_settings(reader or [])):
        print(line)
