"""Folders of networks whose arithmetic is not that of plain ones: config.json names the method that opens them.

They look like any folder of ours (tokenizer, task, labels), but model.safetensors holds packed numbers, and the model
type is one that plain transformers refuses rather than reads wrongly.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mamebert.checkpoints.layouts import OURS, layout_for
from mamebert.checkpoints.model_folder import ModelFolder, read_config
from mamebert.checkpoints.weights import HEAD_FILE
from mamebert.compression.contract import Form, Goal, Subject
from mamebert.compression.forms.saving import DENSE, opens_with
from mamebert.compression.goals import MaskedWords, TaskGoal
from mamebert.compression.pruning.uneven_shapes import densified
from mamebert.config import build
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.errors import UserError
from mamebert.files.checksums import seal
from mamebert.files.disk import disk_errors, save_tensors, write_text
from mamebert.objectives import Objective
from mamebert.tasks.network.told import require_room, task_in

WEIGHTS = "model.safetensors"


class Shell(NamedTuple):
    """What lies in a folder, before the network in it is altered and filled."""

    subject: Subject
    """A network of the right shape with plain modules and random weights."""
    how: dict[str, Any]
    """What the method wrote of itself."""
    tensors: Mapping[str, Tensor]

    def take(self, name: str) -> Tensor:
        """Return a stored tensor; a UserError where there is none."""
        if name not in self.tensors:
            raise UserError(f"{self.subject.folder} lacks {name}. Download or save it again.")
        return self.tensors[name]


def save_altered(subject: Subject, folder: Path, kind: str, how: dict[str, Any], packed: Mapping[str, Tensor]) -> None:
    """Write a folder that `open_altered` opens; `how` is plain JSON of the method's own.

    `packed` holds what stands in the place of weights, named PARAMETER.WHAT; all other parameters and buffers are
    stored as they are. A pooler that nothing reads is left out.
    """
    subject.goal.save(subject.network, subject.folder, folder)
    config = read_config(folder)
    about = {**config.get("mamebert", {}), "altered_by": kind, "how": how, "family": config["model_type"]}
    about["shape"] = subject.bert.config.model_dump()
    if isinstance(subject.goal, MaskedWords):
        about["objective"] = subject.goal.objective.model_dump()
    replaced = {name.rpartition(".")[0] for name in packed}
    kept = {name: tensor for name, tensor in _stored(subject) if name not in replaced}
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in {**kept, **packed}.items()}
    with disk_errors(folder):
        (folder / HEAD_FILE).unlink(missing_ok=True)
        save_tensors(folder / WEIGHTS, whole, {"format": "pt"})
        told = {**config, "architectures": [], "model_type": OURS, "mamebert": about}
        write_text(folder / "config.json", json.dumps(told, ensure_ascii=False, indent=2) + "\n")
        seal(folder)


def open_altered(folder: Path) -> Shell:
    """Read a folder that `save_altered` wrote; a damaged one is a UserError."""
    opened = ModelFolder.open(folder)
    goal = goal_in(opened)
    network = goal.network(opened.shape, opened.vocab_size)
    how = opened.about.get("how")
    if not isinstance(how, dict):
        raise UserError(
            f"{opened.path} does not say in config.json how its arithmetic is altered. Download or save it again."
        )
    return Shell(Subject(network.eval(), goal, opened.path), how, opened.tensors())


def goal_in(folder: ModelFolder) -> Goal:
    """Return what a network is for, as `save_altered` tells it in config.json."""
    about = folder.about
    if "task" not in about:
        asked = about.get("objective") or {"kind": "masked_lm", "max_length": folder.shape.max_position_embeddings}
        objective: Objective = build(Objective, asked)  # type: ignore[type-abstract]
        require_room("objective", objective.max_length, str(folder.path), folder.shape.max_position_embeddings)
        return MaskedWords(objective)
    task, learnt, reading = task_in(folder)
    return TaskGoal(task, learnt, reading, Kept.read(about.get("reader"), folder.path))


@torch.no_grad()
def fill_altered(shell: Shell, unpacked: Mapping[str, Tensor]) -> Subject:
    """Put stored tensors, and those that were unpacked, into the altered network and return its subject."""
    network, stored = shell.subject.network, shell.tensors
    for name, place in _stored(shell.subject):
        value = unpacked[name] if name in unpacked else stored.get(name)
        if value is None or value.shape != place.shape:
            raise UserError(
                f"{shell.subject.folder} lacks {name}, or has it in another shape. Download or save it again."
            )
        place.copy_(value)
    network.eval()
    return shell.subject


def save_plain(subject: Subject, plain: nn.Module, folder: Path, remark: str = "") -> list[Form]:
    """Write the network with plain modules that stands for an altered one into a folder of `folder`, as float32.

    Returns its form, with a remark behind what opens it; none where no plain class can hold the shape.
    """
    as_plain = replace(subject, network=plain)
    if not layout_for(subject.bert.config):
        if subject.bert.config.bottleneck or subject.bert.config.choices_beyond_bert:
            return []
        as_plain = densified(as_plain)
    as_plain.goal.save(as_plain.network, subject.folder, folder / DENSE)
    return [Form("plain", DENSE, opens_with(folder / DENSE) + remark)]


def reads_pooler(subject: Subject) -> bool:
    """Tell whether anything reads the encoder's pooler."""
    return not isinstance(subject.goal, TaskGoal) or subject.goal.task.reads_pooler(subject.bert.config)


def _stored(subject: Subject) -> list[tuple[str, Tensor]]:
    network: nn.Module = subject.network
    found = [*network.named_parameters(), *network.named_buffers()]
    skipped = () if reads_pooler(subject) else ("bert.pooler.",)
    return [(name, tensor) for name, tensor in found if not name.startswith(skipped)]
