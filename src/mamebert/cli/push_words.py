"""`mamebert push`: a model as the folder that the Hugging Face Hub takes, and the way there."""

from pathlib import Path
from typing import Annotated

import typer

from mamebert.cli.answering import Model, given_model, given_path


def push_verb(
    model: Model,
    repo: Annotated[
        str,
        typer.Option(metavar="OWNER/NAME", help="The repository it is for; with a token of the Hub it is sent there."),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="The folder that is written; else the model's name with -hub or -space, here.")
    ] = None,
    space: Annotated[
        bool, typer.Option("--space", help="Write a Space: the model, with a page and routes in front of it (app.py).")
    ] = False,
    licence: Annotated[
        str, typer.Option("--license", help="The licence that the card names, such as apache-2.0.")
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="Let everybody see a repository that is made anew.")] = False,
) -> None:
    """A folder as the Hugging Face Hub takes it; nothing is sent without --repo and a token."""
    from mamebert.publishing.pushing import push

    place = given_model(model)
    kind = "space" if space else "model"
    folder = given_path(out) if out else Path(f"{_name(place)}-{'space' if space else 'hub'}")
    done = push(place, folder, repo, kind=kind, licence=licence, is_private=not public)  # type: ignore[arg-type]
    made = done.made
    print(f"{made.folder}: {len(made.files)} files, {made.num_bytes / 1e6:.1f} MB, opened again")
    if made.left_out:
        print(f"left out: {', '.join(made.left_out[:8])}{' ...' if len(made.left_out) > 8 else ''}")
    if made.licence:
        print(f"licence: {made.licence}")
    else:
        print(
            "licence: the card names none, and without one nobody may use it; --license names it. Whose text it "
            "learnt from has a say."
        )
    if done.url:
        print(f"sent to {done.url}")
        return
    name = repo or "OWNER/NAME"
    print(f"nothing was sent. {'There is no token: ' if repo else ''}To send it: hf auth login, then")
    print(f"  hf upload {name} {made.folder} . --repo-type {kind}")


def _name(place: Path) -> str:
    place = place.absolute()
    return place.parent.name if place.name == "model" else place.name
