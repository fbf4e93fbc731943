"""A run that is asked for, beside the records that lie where it would be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mamebert.config.walking import walk
from mamebert.errors import UserError
from mamebert.runs.growing import goes_on_from, lists_of
from mamebert.runs.identity import hashed

# These say where and how fast, not what: another value gives the same artefact.
NOT_PART_OF_THE_RESULT = {
    "output",
    "processes",
    "engine",
    "device",
    "snapshot_seconds",
    "keep_snapshots",
    "inexact",
    "parallel",
    "tensorboard",
}


@dataclass(frozen=True)
class AskedRun:
    """What names a run: command, settings, inputs and the texts that it reads itself."""

    command: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, str]]
    sources: list[dict[str, str]]
    grows_by: tuple[str, ...]
    """Names of the lists by which it may differ from a run that it goes on from."""
    replaced_at: Callable[[Path], list[str]]
    """Tells the ids of the runs whose place the run at a path has taken."""

    @property
    def id(self) -> str:
        """Return its identity: two runs with equal ones are the same run."""
        return self.id_with({})

    def id_with(self, changes: Mapping[str, Any], inputs: Mapping[str, str] | None = None) -> str:
        """Return the id that the run has, or has with some settings changed and with these ids of inputs."""
        settings = walk({**self.settings, **changes})
        paths = set(self.inputs)
        inputs = {name: value["id"] for name, value in self.inputs.items()} if inputs is None else inputs
        return hashed(
            {
                "command": self.command,
                "settings": {
                    n: v for n, v in settings if n.split(".")[-1] not in NOT_PART_OF_THE_RESULT and n not in paths
                },
                "inputs": dict(inputs),
                "sources": self.sources,
            }
        )

    def owns(self, record: Mapping[str, Any] | None) -> bool:
        """Tell whether a record is of this run, or of one that it goes on from."""
        if record is None:
            return False
        now = lists_of(self.settings, self.grows_by)
        return record["id"] == self.id or (
            self.is_alike(record) and goes_on_from(lists_of(record["settings"], self.grows_by), now)
        )

    def is_alike(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record is of a run that differs in the lists it may grow by, if at all."""
        inputs = {name: found["id"] for name, found in self.inputs.items() if name in record["inputs"]}
        return bool(record["id"] == self.id_with(lists_of(record["settings"], self.grows_by), inputs))

    def made_anew(self, record: Mapping[str, Any] | None) -> list[str]:
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
            or record["id"] != self.id_with(lists, before)
        ):
            return []
        changed = [name for name, id_ in before.items() if id_ != self.inputs[name]["id"]]
        was_there = {name: self.replaced_at(Path(self.inputs[name]["path"])) for name in changed}
        return changed if all(before[name] in was_there[name] for name in changed) else []

    def refuse_another(self, folder: Path, record: Mapping[str, Any]) -> None:
        """Raise a UserError that tells how the run of a record, in this folder, differs from this one."""
        if self.is_alike(record):
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
