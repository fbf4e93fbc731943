"""One stage at work, or the record of a finished one."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Literal, Self

from mamebert.config.run_path import RunPath
from mamebert.config.walking import walk
from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, partial, put_in_place, write_text
from mamebert.progress import say
from mamebert.ranks import num_processes
from mamebert.runs.comparing import AskedRun
from mamebert.runs.growing import begin_with_copy, put_in_place_of
from mamebert.runs.identity import Source, identity, joined, sources_behind
from mamebert.runs.locking import hold, release
from mamebert.runs.machine import machine, versions
from mamebert.runs.metrics import Metrics
from mamebert.runs.places import clear_the_way, has_work, refuse_reading_itself, refuse_what_is_no_place
from mamebert.runs.record import read_record, record_around, sealed
from mamebert.runs.renewing import begin_anew, replaced_at
from mamebert.runs.settings import StageConfig

State = Literal["finished", "begun", "again", "new"]
"""How far a run is; "again" is one that is done anew in its place, for what it reads was made anew."""


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
            clear_the_way(run.final)
            run.folder.mkdir(parents=True, exist_ok=True)
            run._lock()
            if run._is_there():  # another process finished it while we came this far
                run._unlock()
                if not has_work(run.folder):
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
            sources=joined(own, *(sources_of(Path(i["path"])) for i in inputs.values())),
            grows_by=config.grows_by,
        )
        run._own_sources, run._replaced_at = own, replaced_of or replaced_at
        run.id = run._asked.id
        run.replaces = run._taken_over()
        return run

    def state(self) -> State:
        """Return how far this run is on disk; a folder that holds another one is a UserError."""
        refuse_what_is_no_place(self.final)
        with disk_errors(self.final):
            if self._is_there():
                return "finished"
            for folder in (self.final, self.folder):
                record = read_record(folder)
                if record and (folder == self.final or has_work(folder)) and not self._may_take_over(record):
                    self._asked.refuse_another(folder, record)
            if self.why_again():
                return "again"
        return "begun" if (self.final / "run.json").is_file() or has_work(self.folder) else "new"

    def why_again(self) -> str:
        """Return what is another since this run was made or begun; "" where there is nothing to do again."""
        begun, finished = read_record(self.folder), read_record(self.final)
        if self._asked.owns(begun) and has_work(self.folder):
            return ""
        names = self._asked.made_anew(begun) or self._asked.made_anew(finished)
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

    @classmethod
    def around(cls, path: Path | str) -> Self | None:
        """Return the finished run that a folder is, or lies in; None for folders from elsewhere."""
        found = record_around(Path(path))
        return cls.open(found[0]) if found else None

    @property
    def folder(self) -> Path:
        """Where the artefact lies now: under the final name once finished."""
        return self.final if self.finished else partial(self.final)

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

    def record(self, **numbers: Any) -> None:
        """Append one line to metrics.jsonl; it is on disk for certain after `sync_metrics`."""
        Metrics(self.folder).append(numbers)

    def sync_metrics(self) -> None:
        """Force what was recorded to disk."""
        Metrics(self.folder).sync()

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl up to the first torn one."""
        return Metrics(self.folder).lines()

    def keep_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Replace metrics.jsonl: a resumed stage drops what came after the point it resumes from."""
        Metrics(self.folder).replace(lines)

    def worked_seconds(self) -> float:
        """Return, and remember, the seconds worked so far; a stage that resumes sets `seconds` to those before."""
        now = monotonic()
        self.seconds += now - self._started
        self._started = now
        return self.seconds

    def _mend_metrics(self) -> None:
        Metrics(self.folder).mend()

    @property
    def _asked(self) -> AskedRun:
        return AskedRun(self.command, self.settings, self.inputs, self._own_sources, self.grows_by, self._replaced_at)

    def _is_there(self) -> bool:
        """Tell whether this very run is finished."""
        record = read_record(self.final)
        return record is not None and record["id"] == self.id

    def _may_take_over(self, record: Mapping[str, Any]) -> bool:
        return self._asked.owns(record) or bool(self._asked.made_anew(record))

    def _taken_over(self) -> list[str]:
        """Return the ids of the runs whose place this one takes, of those that have left it before among them."""
        earlier = []
        for folder, may_count in ((self.folder, False), (self.final, True)):
            record = read_record(folder)
            if record is not None and self._may_take_over(record):
                own = [record["id"]] if may_count and record["id"] != self.id else []
                earlier += [*record.get("replaces", []), *own]
        return list(dict.fromkeys(earlier))

    def _go_on(self) -> None:
        """Take over what lies in the folder, or else a copy of the finished run that this one goes on from."""
        begun, finished = read_record(self.folder), read_record(self.final)
        if not self._asked.owns(begun) and self._asked.owns(finished):
            begin_with_copy(self.final, self.folder)
            begun = finished
        elif not self._asked.owns(begun) and (self._asked.made_anew(begun) or self._asked.made_anew(finished)):
            begin_anew(self.final, self.folder)
        if begun is not None and self._asked.owns(begun):
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
            "versions": versions(),
            "machine": machine(),
        }
        write_text(self.folder / "run.json", json.dumps(sealed(record), ensure_ascii=False, indent=1) + "\n")

    def _lock(self) -> None:
        self._lock_id = hold(self.folder)

    def _unlock(self) -> None:
        release(self._lock_id)
