"""A run folder: what a stage made, from which settings and inputs, on what machine, in how many seconds.

A stage works in `NAME.partial` beside its final name and renames it when everything is in it, so that a
half-written run can never be mistaken for a whole one. `run.json` tells what the run is; two runs with
equal identities are the same run, and a finished one is not done again.
"""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import IO, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from mamebert.config import Config, RunPath, walk
from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, hash_file, partial, put_in_place, write_text
from mamebert.files.locks import Held, NoLocks, lock
from mamebert.files.names import new_folder
from mamebert.progress import say
from mamebert.ranks import num_processes
from mamebert.runs.growing import begin_with_copy, goes_on_from, lists_of, put_in_place_of
from mamebert.runs.record import read_lines, read_record, sealed
from mamebert.runs.renewing import begin_anew, replaced_at

# These say where and how fast, not what: another value gives the same artefact.
NOT_PART_OF_THE_RESULT = {
    "output",
    "processes",
    "device",
    "snapshot_seconds",
    "keep_snapshots",
    "inexact",
    "parallel",
    "tensorboard",
}
REPORTED_PACKAGES = ("mamebert", "torch", "transformers", "tokenizers", "gensim", "numpy", "scikit-learn")

State = Literal["finished", "begun", "again", "new"]
"""How far a run is; "again" is one that is done anew in its place, for what it reads was made anew."""

# Folders this process works on, by their lock file's place on disk.
_OUR_LOCKS: dict[tuple[int, int], IO[str]] = {}


def _new_folder(value: Any) -> Any:
    return new_folder(value) if isinstance(value, str | Path) else value  # to be refused by the type


class StageConfig(Config):
    """What the settings of every command share."""

    command: ClassVar[str]
    in_processes: ClassVar[bool] = False
    """Whether the processes of torchrun can share its work."""
    grows_by: ClassVar[tuple[str, ...]] = ()
    """Lists that may get more items when the run is there: it goes on, and does what is new."""
    output: Annotated[Path, BeforeValidator(_new_folder)]
    """The run folder to make."""
    seed: int = Field(default=0, ge=0)
    """Every random choice derives from it."""

    def fingerprint(self) -> list["Source"]:
        """Return the outside text that the stage reads itself; as a rule none."""
        return []

    def places(self) -> list[str]:
        """Return the places in the output that may be given to other stages, as patterns; "" is the output itself."""
        return [""]

    def settled(self) -> Self:
        """Return the settings with what other folders decide filled in; as a rule as they are."""
        return self


@dataclass(frozen=True)
class Source:
    """Text that came from outside, named by its content."""

    name: str
    sha256: str


@dataclass
class Run:
    """One stage at work, or the record of a finished one."""

    final: Path
    command: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    sources: list[dict[str, str]] = field(default_factory=list)
    id: str = ""
    seconds: float = 0.0
    finished: bool = False
    results: dict[str, Any] = field(default_factory=dict)
    """Numbers the stage ends with; written to run.json."""
    grows_by: tuple[str, ...] = ()
    """Names of the lists by which it may differ from a run that it goes on from."""
    replaces: list[str] = field(default_factory=list)
    """Ids of the finished runs whose place it takes, or has taken: with fewer seeds, say, or from earlier inputs."""
    _replaced_at: "Callable[[Path], list[str]]" = field(default=replaced_at, repr=False)
    _started: float = field(default_factory=monotonic, repr=False)
    _own_sources: list[dict[str, str]] = field(default_factory=list, repr=False)

    @classmethod
    def start(cls, config: StageConfig, sources: list[Source] | None = None) -> Self:
        """Open the run folder of `config`: finished already, begun earlier, or new.

        `sources` is the outside text this stage reads itself; what its inputs have read is added, so
        that a run always knows every text behind it. A folder that holds another run is a UserError.
        """
        refuse_reading_itself(config)
        run = cls.asked(config, sources)
        if run.state() == "finished":
            return cls.open(run.final)
        if num_processes() > 1 and not config.in_processes:
            raise UserError(f"`mamebert {run.command}` is done by one process. Start it without torchrun.")
        with disk_errors(run.folder):
            run._clear_the_way()
            run.folder.mkdir(parents=True, exist_ok=True)
            run._lock()
            if run._is_there():  # another process finished it while we came this far
                run._unlock()
                if not _has_work(run.folder):
                    shutil.rmtree(run.folder, ignore_errors=True)
                return cls.open(run.final)
            run._started = monotonic()
            if why := run.why_again():
                say(f"{run.command} is done again in {run.final}: {why}. What is there stays until the new is whole.")
            run._go_on()
            run._mend_metrics()
            run._write_record()
        return run

    @classmethod
    def asked(
        cls,
        config: StageConfig,
        sources: list[Source] | None = None,
        identity_of: "Callable[[Path], str] | None" = None,
        sources_of: "Callable[[Path], list[dict[str, str]]] | None" = None,
        replaced_of: "Callable[[Path], list[str]] | None" = None,
    ) -> Self:
        """Return the run that `config` asks for, with its id, and nothing on disk.

        `identity_of`, `sources_of` and `replaced_of` tell of inputs that are not made yet.
        """
        identity_of, sources_of = identity_of or identity, sources_of or sources_behind
        inputs = {
            name: {"path": str(path), "id": identity_of(path)}
            for name, path in walk(config)
            if isinstance(path, RunPath)
        }
        own = [vars(s) for s in sources or []]
        run = cls(
            final=Path(config.output),
            command=config.command,
            settings=config.model_dump(mode="json"),
            inputs=inputs,
            sources=_union(own, *(sources_of(Path(i["path"])) for i in inputs.values())),
            grows_by=config.grows_by,
        )
        run._own_sources, run._replaced_at = own, replaced_of or replaced_at
        run.id = run._id_with({})
        run.replaces = run._taken_over()
        return run

    def state(self) -> State:
        """Return how far this run is on disk; a folder that holds another one is a UserError."""
        self.refuse_what_is_no_place()
        with disk_errors(self.final):
            if self._is_there():
                return "finished"
            for folder in (self.final, self.folder):
                self._refuse_another_run_in(folder)
            if self.why_again():
                return "again"
        return "begun" if (self.final / "run.json").is_file() or _has_work(self.folder) else "new"

    def why_again(self) -> str:
        """Return what is another since this run was made or begun; "" where there is nothing to do again."""
        begun, finished = read_record(self.folder), read_record(self.final)
        if self._is_ours(begun) and _has_work(self.folder):
            return ""
        names = self._made_anew(begun) or self._made_anew(finished)
        return ", ".join(f"{name} is new ({self.inputs[name]['path']})" for name in names)

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Return the record of a finished run."""
        folder = Path(folder)
        record = read_record(folder)
        if record is None:
            unfinished = bool(folder.name) and partial(folder).exists()
            way_out = (
                "It was begun and not finished: start it again and it goes on."
                if unfinished
                else "Give the output folder of a stage."
            )
            raise UserError(f"{folder} is not a run folder (no run.json). {way_out}")
        names = ("command", "settings", "inputs", "sources", "id", "seconds", "finished", "results")
        if not set(names) <= record.keys():
            writer = record.get("versions", {}).get("mamebert", "another version")
            raise UserError(
                f"{folder} was made by mamebert {writer}, whose run.json differs. "
                f"Read it with that version, or run the stage again in another output."
            )
        return cls(final=folder, **{name: record[name] for name in names})

    @property
    def folder(self) -> Path:
        """Where the artefact lies now: under the final name once finished."""
        return self.final if self.finished else partial(self.final)

    def record(self, **numbers: Any) -> None:
        """Append one line to metrics.jsonl; it is on disk for certain after `sync_metrics`."""
        with (
            disk_errors(self.folder),
            (self.folder / "metrics.jsonl").open("a", encoding="utf-8", errors="backslashreplace") as file,
        ):
            file.write(json.dumps(numbers, ensure_ascii=False) + "\n")

    def sync_metrics(self) -> None:
        """Force what was recorded to disk."""
        path = self.folder / "metrics.jsonl"
        if path.is_file():
            with disk_errors(path), path.open("rb") as file:
                os.fsync(file.fileno())

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl up to the first torn one (a kill or a power cut while writing)."""
        whole = takewhile(lambda line: line is not None, read_lines(self.folder / "metrics.jsonl"))
        return [line for line in whole if line is not None]

    def keep_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Replace metrics.jsonl: a resumed stage drops what came after the point it resumes from."""
        write_text(
            self.folder / "metrics.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        )

    def finish(self) -> Self:
        """Write the final record and give the folder its final name."""
        self.worked_seconds()
        self._write_record(finished=True)
        if os.name == "nt":  # where a folder with an open file in it cannot be renamed
            self._unlock()
        with disk_errors(self.final):
            (put_in_place_of if self.replaces else put_in_place)(self.folder, self.final)
        if os.name != "nt":
            self._unlock()
        self.finished = True
        return self

    def worked_seconds(self) -> float:
        """Return, and remember, the seconds worked so far; a stage that resumes sets `seconds` to those before."""
        now = monotonic()
        self.seconds += now - self._started
        self._started = now
        return self.seconds

    def _mend_metrics(self) -> None:
        # What is appended to a torn line would be lost with it.
        path = self.folder / "metrics.jsonl"
        if path.is_file() and not path.read_bytes().endswith(b"\n"):
            self.keep_metrics(self.metrics())

    def _id_with(self, changes: Mapping[str, Any], inputs: Mapping[str, str] | None = None) -> str:
        """Return the id that the run has, or has with some settings changed and with these ids of inputs."""
        settings = walk({**self.settings, **changes})
        paths = set(self.inputs)
        inputs = {name: value["id"] for name, value in self.inputs.items()} if inputs is None else inputs
        return _hash(
            {
                "command": self.command,
                "settings": {
                    n: v for n, v in settings if n.split(".")[-1] not in NOT_PART_OF_THE_RESULT and n not in paths
                },
                "inputs": dict(inputs),
                "sources": self._own_sources,
            }
        )

    def _is_there(self) -> bool:
        """Tell whether this very run is finished."""
        record = read_record(self.final)
        return record is not None and record["id"] == self.id

    def _is_ours(self, record: Mapping[str, Any] | None) -> bool:
        """Tell whether a record is of this run, or of one that it goes on from."""
        if record is None:
            return False
        now = lists_of(self.settings, self.grows_by)
        return record["id"] == self.id or (
            self._is_alike(record) and goes_on_from(lists_of(record["settings"], self.grows_by), now)
        )

    def _is_alike(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record is of a run that differs in the lists it may grow by, if at all."""
        inputs = {name: found["id"] for name, found in self.inputs.items() if name in record["inputs"]}
        return bool(record["id"] == self._id_with(lists_of(record["settings"], self.grows_by), inputs))

    def _made_anew(self, record: Mapping[str, Any] | None) -> list[str]:
        """Return the inputs that were made anew since a record of this run; none where it is of another run."""
        if record is None:
            return []
        lists = lists_of(record["settings"], self.grows_by)
        before = {name: found["id"] for name, found in record["inputs"].items()}
        new = [name for name in self.inputs if name not in before]
        if (
            not before.keys() <= self.inputs.keys()
            or not all(name.rpartition(".")[0] in self.grows_by for name in new)
            or not goes_on_from(lists, lists_of(self.settings, self.grows_by))
            or record["id"] != self._id_with(lists, before)
        ):
            return []
        changed = [name for name, id_ in before.items() if id_ != self.inputs[name]["id"]]
        was_there = {name: self._replaced_at(Path(self.inputs[name]["path"])) for name in changed}
        return changed if all(before[name] in was_there[name] for name in changed) else []

    def _taken_over(self) -> list[str]:
        """Return the ids of the runs whose place this one takes, of those that have left it before among them."""
        earlier = []
        for folder, may_count in ((self.folder, False), (self.final, True)):
            record = read_record(folder)
            if record is not None and (self._is_ours(record) or self._made_anew(record)):
                own = [record["id"]] if may_count and record["id"] != self.id else []
                earlier += [*record.get("replaces", []), *own]
        return list(dict.fromkeys(earlier))

    def _go_on(self) -> None:
        """Take over what lies in the folder, or else a copy of the finished run that this one goes on from."""
        begun, finished = read_record(self.folder), read_record(self.final)
        if not self._is_ours(begun) and self._is_ours(finished):
            begin_with_copy(self.final, self.folder)
            begun = finished
        elif not self._is_ours(begun) and (self._made_anew(begun) or self._made_anew(finished)):
            begin_anew(self.final, self.folder)
        if begun is not None and self._is_ours(begun):
            self.seconds = float(begun.get("seconds", 0.0))

    def _write_record(self, finished: bool = False) -> None:
        record = {
            "command": self.command,
            "id": self.id,
            "finished": finished,
            "seconds": round(self.seconds, 3),
            "settings": self.settings,
            "inputs": self.inputs,
            "sources": self.sources,
            "results": self.results,
            **({"replaces": self.replaces} if self.replaces else {}),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": _versions(),
            "machine": _machine(),
        }
        write_text(self.folder / "run.json", json.dumps(sealed(record), ensure_ascii=False, indent=1) + "\n")

    def refuse_what_is_no_place(self) -> None:
        """Raise a UserError where no run folder can be made, or where it would replace what is none."""
        with disk_errors(self.final):
            for place in (self.final, *self.final.parents):
                if place.exists() and not place.is_dir():
                    raise UserError(f"{place} is a file, and the output is a folder. Choose another output.")
            there = next(place for place in (self.final, *self.final.absolute().parents) if place.exists())
            if not (self.final / "run.json").is_file() and not os.access(there, os.W_OK | os.X_OK):
                raise UserError(f"{self.final} cannot be made: {there} cannot be written to. Choose another output.")
            if self.final.exists() and read_record(self.final) is None and any(self.final.iterdir()):
                raise UserError(
                    f"{self.final} exists and is no run folder. Choose another output, so that nothing in it is lost."
                )

    def _clear_the_way(self) -> None:
        # The folder gets its name when the run is whole. What stands in the way then does so now.
        if self.final.is_dir() and not (self.final / "run.json").exists():
            try:
                self.final.rmdir()
            except OSError as error:
                raise UserError(
                    f"{self.final} cannot be replaced by the run ({error.strerror}). "
                    f"Choose a folder in it, such as output={self.final / 'run'}."
                ) from error

    def _refuse_another_run_in(self, folder: Path) -> None:
        record = read_record(folder)
        if record is None:
            return
        if self._is_ours(record) or self._made_anew(record) or (folder != self.final and not _has_work(folder)):
            return
        if self._is_alike(record):
            told = " ".join(f"{n}={v}" for n, v in lists_of(record["settings"], self.grows_by).items() if v)
            raise UserError(
                f"{folder} holds this run with {told}, and the result of each is in it. Give all of these, with more "
                "behind them if you want more, or choose another output."
            )
        before = {**dict(walk(record["settings"])), **{f"{n} (content)": i["id"] for n, i in record["inputs"].items()}}
        now = {**dict(walk(self.settings)), **{f"{n} (content)": i["id"] for n, i in self.inputs.items()}}
        names = [n for n in dict.fromkeys([*now, *before]) if n.split(".")[-1] not in NOT_PART_OF_THE_RESULT]
        differ = [n for n in names if now.get(n) != before.get(n)]
        shown = (
            "; ".join(f"{n} was {before.get(n)!r}, now {now.get(n)!r}" for n in differ[:3]) or "its source text changed"
        )
        raise UserError(
            f"{folder} holds a run made with other settings ({shown}). Choose another output, or delete that folder."
        )

    def _lock(self) -> None:
        # Held until the run is finished or the process ends, however it ends; the file stays open for as long.
        self._lock_file = (self.folder / ".lock").open("w")
        about = os.fstat(self._lock_file.fileno())
        self._lock_id = (about.st_dev, about.st_ino)
        if self._lock_id in _OUR_LOCKS:
            return  # a second try in one process (a notebook, say) after the first one failed
        try:
            lock(self._lock_file)
        except Held as error:
            raise UserError(
                f"Another process is working on {self.folder}. Wait for it, or choose another output."
            ) from error
        except NoLocks:
            say(f"The disk of {self.folder} has no locks: see to it that no other process works there.")
        _OUR_LOCKS[self._lock_id] = self._lock_file

    def _unlock(self) -> None:
        _OUR_LOCKS.pop(self._lock_id).close()


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


def drop_empty(output: Path) -> None:
    """Take the folder of a run away that this process began, ended, and has put nothing into."""
    folder = partial(output)
    try:
        about = (folder / ".lock").stat()
    except OSError:
        return
    lock = _OUR_LOCKS.pop((about.st_dev, about.st_ino), None)
    if lock is None:
        return
    if not _has_work(folder):
        shutil.rmtree(folder, ignore_errors=True)
    lock.close()


def identity(path: Path) -> str:
    """Return what a folder is: the id of the run it belongs to plus the place inside, else a hash of its files.

    Folders from elsewhere (a Hugging Face model, say) have no run.json and are named by their content.
    """
    path = Path(path)
    if not path.exists():
        unfinished = any(partial(p).exists() for p in (path, *path.parents) if p.name)
        way_out = (
            "The stage that makes it was not finished: run it again."
            if unfinished
            else "Check the path, or run the stage that makes it."
        )
        raise UserError(f"There is no folder {path}. {way_out}")
    for folder in (path, *path.parents):
        record = read_record(folder)
        if record is not None:
            inside = path.relative_to(folder)
            return str(record["id"]) + (f"/{inside}" if folder != path else "")
    if path.is_file():
        return hash_file(path)
    return _hash({p.name: hash_file(p) for p in sorted(path.iterdir()) if p.is_file()})


def sources_behind(path: Path) -> list[dict[str, str]]:
    """Return every outside text that went into the run at, or around, `path`; nothing for folders from elsewhere."""
    for folder in (path, *path.parents):
        record = read_record(folder)
        if record is not None:
            return list(record.get("sources", []))
    return []


def _has_work(folder: Path) -> bool:
    # A run that stopped at a mistake in its settings has nothing to lose; they can be mended and it be started again.
    made = (p for p in folder.rglob("*") if p.name not in ("run.json", "run.json.tmp", ".lock"))
    return any(p.is_file() and p.stat().st_size for p in made)


def _union(*lists: list[dict[str, str]]) -> list[dict[str, str]]:
    return list({s["sha256"]: s for each in lists for s in each}.values())


def _hash(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in REPORTED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def processor_name() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
