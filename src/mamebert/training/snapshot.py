"""Everything a stopped training needs to go on as if it had never stopped, in one safetensors file.

Tensors are weights and optimizer state; the header holds the step, the caller's place in the data and sums kept so
far, the arithmetic that was used, and a SHA-256 of all of it. A file is written beside its name, forced to disk and
renamed, so one with a snapshot's name is whole unless the disk has damaged it, and then its hash tells.
(Safetensors, not torch.save: nothing that is loaded can run code.)
"""

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mamebert.errors import UserError
from mamebert.files.disk import save_tensors
from mamebert.training.processes import shard_like, whole

LAYOUT = "2"
"""Raised whenever files as written here could be misread by an earlier or later version."""


class Damaged(Exception):
    """A file that is not what was written."""


@dataclass(frozen=True)
class Snapshot:
    """One moment of a training."""

    step: int
    tensors: dict[str, Tensor]
    """As `state_of` gives them."""
    progress: dict[str, Any]
    """Any JSON that the caller needs to go on."""
    arithmetic: dict[str, str]
    """What decides how sums are rounded, such as the number of threads; resuming compares it."""


def state_of(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return all weights and all optimizer state by name: the tensors themselves, no copies.

    What is sharded between processes is gathered; every process has to ask then.
    """
    tensors = {f"network.{name}": value.detach() for name, value in _unique(network).items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    return {name: whole(value) for name, value in tensors.items()}


def put_back(tensors: dict[str, Tensor], network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Make network and optimizer what they were when `state_of` gave `tensors`."""
    with torch.no_grad():
        for name, value in _unique(network).items():
            saved = shard_like(value, tensors[f"network.{name}"])
            if value.requires_grad or not torch.equal(value, saved):  # a table held together stays so unwritten
                value.copy_(saved)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            share = shard_like(parameters[int(number)], value)
            state.setdefault(int(number), {})[key] = share.clone()  # it may be a view of a file
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].cpu().contiguous()
        found.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot whole or not at all; a full disk is a UserError and leaves nothing behind."""
    about = {
        "layout": LAYOUT,
        "mamebert": version("mamebert"),
        "step": str(snapshot.step),
        "progress": json.dumps(snapshot.progress),
        "arithmetic": json.dumps(snapshot.arithmetic),
        "state": digest(snapshot.tensors),
    }
    tensors = {name: value.contiguous() for name, value in snapshot.tensors.items()}
    # One name for all that is unfinished, and no snapshot's name: a torn file is neither taken for one nor piles up.
    save_tensors(path, tensors, {**about, "check": _hash(about)}, scratch=path.with_name("unfinished.tmp"))


def read_snapshot(path: Path) -> Snapshot:
    """Return the snapshot in a file; `Damaged` if it is not what was written, a UserError if of another version."""
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        if about.keys() == {"step", "progress", "check"}:
            raise _written_otherwise(path, "of an earlier version")
        if about.pop("check") != _hash(about) or digest(tensors) != about["state"]:
            raise Damaged(path)
        if about["layout"] != LAYOUT:
            raise _written_otherwise(path, f"of mamebert {about['mamebert']}")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise Damaged(path) from error
    return Snapshot(int(about["step"]), tensors, json.loads(about["progress"]), json.loads(about["arithmetic"]))


def _written_otherwise(path: Path, writer: str) -> UserError:
    return UserError(
        f"{path} has the layout {writer}, and mamebert {version('mamebert')} reads layout {LAYOUT} only. "
        "Finish the run with the version that began it, or choose another output."
    )


def _unique(network: nn.Module) -> dict[str, Tensor]:
    # named_parameters and named_buffers give a tied tensor once; state_dict would give it twice.
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def _hash(about: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
