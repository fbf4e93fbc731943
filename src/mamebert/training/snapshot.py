"""Everything a stopped training needs to go on as if it had never stopped.

A snapshot is one safetensors file: weights, optimizer state, and in its header the place in the data and
the sums kept so far. It is written beside its name, forced to disk and renamed; the last two are kept,
so one is always whole. (Safetensors, not torch.save: nothing that is loaded can run code.)
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mamebert.errors import UserError
from mamebert.runs import disk_errors

KEPT = 2


def save_snapshot(
    folder: Path, step: int, network: nn.Module, optimizer: torch.optim.Optimizer, progress: dict[str, Any]
) -> None:
    """Write the snapshot of `step`; `progress` is any JSON the caller needs to go on."""
    tensors = {f"network.{name}": value for name, value in _unique(network).items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors = {name: value.detach().contiguous() for name, value in tensors.items()}
    path = folder / f"step-{step:09}.safetensors"
    with disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        # Not a .safetensors name: a torn file is never taken for a snapshot.
        beside = path.with_suffix(".tmp")
        save_file(
            tensors, beside, metadata={"step": str(step), "progress": json.dumps(progress), "check": _digest(tensors)}
        )
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    for old in sorted(folder.glob("step-*.safetensors"))[:-KEPT]:
        old.unlink()


def load_snapshot(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, dict[str, Any]]:
    """Put the newest whole snapshot into network and optimizer; return its step and progress, or (0, {})."""
    paths = sorted(folder.glob("step-*.safetensors"), reverse=True)
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        except SafetensorError:
            continue
        if _digest(tensors) != about["check"]:
            continue
        _restore(tensors, network, optimizer)
        return int(about["step"]), json.loads(about["progress"])
    if paths:
        raise UserError(f"All snapshots in {folder} are damaged. Delete the folder {folder.parent} and start again.")
    return 0, {}


def _restore(tensors: dict[str, Tensor], network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    with torch.no_grad():
        for name, value in _unique(network).items():
            value.copy_(tensors[f"network.{name}"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _unique(network: nn.Module) -> dict[str, Tensor]:
    # named_parameters and named_buffers give a tied tensor once; state_dict would give it twice.
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def _digest(tensors: dict[str, Tensor]) -> str:
    # Hash of the arrays' raw bytes. SHA-256 runs at over 1 GB/s, far below the cost of the steps between.
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
