"""A Space: the model, and `mamebert serve` with its page in front of it."""

from importlib.resources import files
from pathlib import Path

import mamebert
from mamebert.files.disk import write_text
from mamebert.publishing import space
from mamebert.publishing.hub_folder import HubFolder, write_hub_folder, written_whole

PROGRAM = ("app.py", "Dockerfile")
PORT = 7860
"""Where a Space is expected to answer."""


def write_space_folder(model: Path, out: Path, repo: str = "", licence: str = "") -> HubFolder:
    """Write the folder of a Space, whole or not at all: the model's folder in `model/`, and the program beside it."""
    with written_whole(out) as working:
        within = write_hub_folder(model, working / "model", "", licence)
        for name in PROGRAM:
            write_text(working / name, files(space).joinpath(name).read_text("utf-8"))
        write_text(working / "requirements.txt", f"mamebert[serve]=={mamebert.__version__}\n")
        write_text(working / "README.md", _about(repo.rpartition("/")[2] or model.name, within.licence))
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return HubFolder(out, found, within.left_out, within.licence)


def _about(name: str, licence: str | None) -> str:
    head = ["---", f"title: {name}", "sdk: docker", f"app_port: {PORT}", *([f"license: {licence}"] if licence else [])]
    return "\n".join([*head, "---", "", f"A page to try {name}, and its routes: `mamebert serve` in a container.", ""])
