"""Places on disk where a run folder can be made, and those where it would destroy something."""

import os
from contextlib import suppress
from pathlib import Path

from mamebert.config.run_path import RunPath
from mamebert.config.walking import walk
from mamebert.errors import UserError
from mamebert.files.disk import disk_errors
from mamebert.runs.record import read_record, record_around
from mamebert.runs.settings import StageConfig


def refuse_what_is_no_place(final: Path) -> None:
    """Raise a UserError where no run folder can be made, or where it would replace what is none."""
    with disk_errors(final):
        for place in (final, *final.parents):
            if place.exists() and not place.is_dir():
                raise UserError(f"{place} is a file, and the output is a folder. Choose another output.")
        if around := _run_around(final):
            place, command = around
            raise UserError(
                f"{final} would lie in {place}, a run of {command}: whatever takes that away takes this along. Choose "
                f"an output beside it, such as {place.parent / final.name}."
            )
        there = next(place for place in (final, *final.absolute().parents) if place.exists())
        if not (final / "run.json").is_file() and not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"{final} cannot be made: {there} cannot be written to. Choose another output.")
        if final.exists() and read_record(final) is None and any(final.iterdir()):
            raise UserError(
                f"{final} exists and is no run folder. Choose another output, so that nothing in it is lost."
            )


def _run_around(final: Path) -> tuple[Path, str] | None:
    """Return the run folder that a new one would lie in, and the command that made it."""
    with suppress(UserError):  # a run.json of something else
        if found := record_around(final.absolute().parent):
            return found[0], str(found[1]["command"])
    return None


def clear_the_way(final: Path) -> None:
    """Take an empty folder away, or refuse: what stands in the way when the run gets its name does so at its start."""
    if final.is_dir() and not (final / "run.json").exists():
        try:
            final.rmdir()
        except OSError as error:
            raise UserError(
                f"{final} cannot be replaced by the run ({error.strerror}). "
                f"Choose a folder in it, such as output={final / 'run'}."
            ) from error


def refuse_reading_itself(config: StageConfig) -> None:
    """Raise a UserError where a folder of sources is read as a whole and the output would be in it."""
    out = Path(os.path.realpath(config.output))
    for name, value in walk(config):
        parts = name.split(".")
        if "path" not in parts or not isinstance(value, str | Path) or isinstance(value, RunPath):
            continue
        place = Path(os.path.realpath(Path(value).expanduser()))
        if place in out.parents and place.is_dir():
            raise UserError(
                f"The output {config.output} would lie in {value}, all of which is read. "
                f"Choose an output elsewhere, or name the files: {Path(value) / '*.txt'}."
            )


def has_work(folder: Path) -> bool:
    """Tell whether a stage has put anything into its folder."""
    # A run that stopped at a mistake in its settings has nothing to lose; they can be mended and it be started again.
    made = (p for p in folder.rglob("*") if p.name not in ("run.json", "run.json.tmp", ".lock"))
    return any(p.is_file() and p.stat().st_size for p in made)
