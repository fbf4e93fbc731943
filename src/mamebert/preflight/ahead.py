"""A stage before it is begun: why it would be refused, and what it makes for those after it."""

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from os.path import abspath
from pathlib import Path
from typing import Any

from mamebert.config import RunPath, walk
from mamebert.errors import Refusals, UserError, either
from mamebert.files.disk import partial
from mamebert.runs import (
    Run,
    StageConfig,
    State,
    identity,
    refuse_reading_itself,
    refuse_what_is_no_place,
    sources_behind,
)
from mamebert.runs.renewing import replaced_at, within

Found = Iterator[UserError]
"""What would be refused, each as the error that it would be."""


class Ahead:
    """The stages that come before one: what they will make need not be there yet."""

    def __init__(self) -> None:
        self._stages: dict[Path, StageConfig] = {}
        self._runs: dict[Path, Run] = {}

    def add(self, config: StageConfig) -> None:
        """Count a stage, which is not finished, among those that come before."""
        self._stages[_whole(config.output)] = config

    def maker(self, path: Path) -> StageConfig | None:
        """Return the stage that will make `path`, or the folder it lies in; None where it is there or nobody will."""
        path = _whole(path)
        for folder in (path, *path.parents):
            if folder in self._stages:
                return self._stages[folder]
        return None

    def inside(self, path: Path) -> str:
        """Return the place of `path` within what a stage will make; "" for its folder itself."""
        maker = self.maker(path)
        place = _whole(path).relative_to(_whole(maker.output)).as_posix() if maker else ""
        return "" if place == "." else place

    def made_by(
        self, path: Path, commands: Iterable[str], look: Callable[[Path], object], inside: bool = False
    ) -> Found:
        """Yield why `path` cannot be what one of `commands` makes; `look` opens it where it is there already.

        `inside` tells whether it may be a folder in an output, a model say, and not the output itself alone.
        """
        maker, commands = self.maker(path), list(commands)
        if maker is None:
            yield from tried(opened, path, look)
        elif maker.command not in commands:
            yield UserError(
                f"{path} will be made by {maker.command}, and that of {either(commands)} is needed there. "
                "Give such a stage."
            )
        else:
            yield from tried(self._require_place, path, maker, inside)

    def _require_place(self, path: Path, maker: StageConfig, inside: bool) -> None:
        asked, places = self.inside(path), maker.places()
        models = [str(maker.output / place) for place in places if place.startswith("models/")]
        if asked and not inside:
            raise UserError(f"{path} lies in what {maker.command} will make. Give its output, {maker.output}.")
        if not any(fnmatchcase(asked, place) for place in places):
            will_be = ", ".join(str(maker.output / place) for place in places)
            raise UserError(f"{path} is nothing that {maker.command} will make. Choose from: {will_be}.")
        if inside and not asked and len(models) > 1:
            raise UserError(f"{path} will hold several models. Name one: {', '.join(models)}.")

    def refuse_taken(self, config: StageConfig) -> None:
        """Raise a UserError where an earlier stage will make, or be in, the output of this one."""
        place = _whole(config.output)
        for other, stage in self._stages.items():
            if place == other or place in other.parents or other in place.parents:
                raise UserError(
                    f"{config.output} and the output of an earlier stage ({stage.command}) are one, or one lies in "
                    "the other. Give each stage a folder of its own."
                )

    def run_of(self, config: StageConfig) -> Run:
        """Return the run that `config` asks for, with nothing done about it."""
        place = _whole(config.output)
        if place not in self._runs:
            config = config.settled()
            self._runs[place] = Run.asked(config, config.fingerprint(), self._identity, self._sources, self._replaced)
        return self._runs[place]

    def state(self, config: StageConfig) -> State:
        """Return how far a stage is; a folder that holds something else is a UserError.

        Settings are compared and, only where a run of the same name is there, the contents of all it reads.
        """
        refuse_what_is_no_place(config.output)
        refuse_reading_itself(config)
        self.refuse_taken(config)
        if not (config.output.exists() or partial(config.output).exists()):
            return "new"
        return self.run_of(config).state()

    def _identity(self, path: Path) -> str:
        maker = self.maker(path)
        if maker is None:
            return identity(path)
        inside = self.inside(path)
        return self.run_of(maker).id + (f"/{inside}" if inside else "")

    def _sources(self, path: Path) -> list[dict[str, str]]:
        maker = self.maker(path)
        return sources_behind(path) if maker is None else self.run_of(maker).sources

    def _replaced(self, path: Path) -> list[str]:
        maker = self.maker(path)
        return replaced_at(path) if maker is None else within(self.run_of(maker).replaces, self.inside(path))


def _whole(path: Path) -> Path:
    """Return a path from the root on, without `..` in it."""
    return Path(abspath(path))


def tried(look: Callable[..., object], *given: Any, **more: Any) -> Found:
    """Yield the UserError that `look` ends with, if it does."""
    try:
        look(*given, **more)
    except UserError as refusal:
        yield from refusal.errors if isinstance(refusal, Refusals) else [refusal]


def opened(path: Path, look: Callable[[Path], object]) -> None:
    """Look at a folder; one that is not there is a UserError that says what to do about it."""
    if not path.exists():
        identity(path)
    look(path)


def refuse(found: Iterable[UserError]) -> None:
    """Raise what was found, each sentence once, if there is anything."""
    errors = list({str(error): error for error in found}.values())
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Refusals(errors)


def check_and_compare(config: StageConfig, check: Callable[[Any, Ahead], Found] | None) -> None:
    """Refuse what a stage would be refused for, another run in its output among it."""
    ahead = Ahead()
    refuse([*tried(ahead.state, config), *(check(config, ahead) if check else ())])


def check_first(config: StageConfig, check: Callable[[Any, Ahead], Found]) -> None:
    """Refuse before anything is read or made what a stage would be refused for later; not where it is finished."""
    is_there = (config.output / "run.json").is_file()
    # What reads no run is there for good; whether it is the same run is asked as it starts.
    may_be_behind = config.grows_by or any(isinstance(each, RunPath) for _, each in walk(config))
    if not is_there or (may_be_behind and Ahead().state(config) != "finished"):
        refuse(check(config, Ahead()))
