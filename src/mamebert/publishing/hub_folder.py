"""The folder that the Hub takes: what has a part in answers, the card, graphs if there are any, and nothing else."""

import filecmp
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from mamebert.checkpoints.model_folder import USED, model_folder
from mamebert.checkpoints.sentence_modules import root_of
from mamebert.errors import UserError
from mamebert.files.checksums import SUMS, seal, verify
from mamebert.files.disk import disk_errors, partial, put_in_place, remove, write_text
from mamebert.publishing.card import card_of
from mamebert.serving.load import load

CARD = "README.md"
TAKEN = (
    *(pattern.rpartition("/")[2] for pattern in USED), "generation_config.json", "export.json", CARD, "LICENSE*",
    "LICENCE*", "NOTICE*",
)  # fmt: skip
"""Names of files that are taken. Others stay at home: the record of a run tells paths of the machine, for one."""


@dataclass(frozen=True)
class HubFolder:
    """A folder that was written, and what is to be told of it."""

    folder: Path
    files: list[str]
    left_out: list[str]
    """Files of the model's folder that are not in it."""
    licence: str | None
    """What the card names; None where it names none."""

    @property
    def num_bytes(self) -> int:
        """How large it is."""
        return sum((self.folder / name).stat().st_size for name in self.files)


def write_hub_folder(model: Path, out: Path, repo: str = "", licence: str = "") -> HubFolder:
    """Write the folder of a model, whole or not at all; one that cannot be opened is a UserError.

    `repo` stands in the code of the card where the name of the folder stood; `licence`, where it is given, is named.
    """
    place = model_folder(model)
    root = root_of(place) or place
    verify(root)
    there = sorted(_files(root))
    taken = [name for name in there if any(fnmatch(Path(name).name, pattern) for pattern in TAKEN)]
    card = card_of(root, repo, licence)
    with written_whole(out) as working:
        for name in taken:
            (working / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, working / name)
        write_text(working / CARD, card.text)
        load(working)  # what nobody here can open is nothing to give away
        seal(working)
    left_out = [name for name in there if name not in taken and Path(name).name != SUMS]
    return HubFolder(out, sorted(_files(out)), left_out, card.licence)


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Give a folder to write in, which gets its name at the end.

    What is there already is never written over: the same files are left as they are, and others are a UserError.
    """
    working = partial(out)
    with disk_errors(out, goes_on=False):
        remove(working)
        working.mkdir(parents=True)
        try:
            yield working
            if not out.is_dir() or not any(out.iterdir()):
                if out.exists() and not out.is_dir():
                    raise _is_taken(out)
                put_in_place(working, out)
            elif not _is_same(working, out):
                raise _is_taken(out)
        finally:
            remove(working)


def _is_same(one: Path, other: Path) -> bool:
    names = sorted(_files(one))
    return names == sorted(_files(other)) and all(
        filecmp.cmp(one / name, other / name, shallow=False) for name in names
    )


def _is_taken(out: Path) -> UserError:
    return UserError(f"{out} is there already, with other content. Name another folder with --out, or delete it.")


def _files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
