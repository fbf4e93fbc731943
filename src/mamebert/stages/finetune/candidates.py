"""The encoders that a fine-tuning compares, and the networks that start from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch

from mamebert.checkpoints.model_folder import ModelFolder, model_folder
from mamebert.encoder.readings import Reading
from mamebert.files.disk import hash_file
from mamebert.results.pretrain import PretrainResults
from mamebert.runs import Run
from mamebert.stages.finetune.search import check_search
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import TaskNetwork, require_room, start_network
from mamebert.tokenizer.files import TOKENIZER_FILES
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.groups import Learning, plan_learning
from mamebert.training.loop import derive_seed


@dataclass(frozen=True)
class Candidate:
    """One encoder to fine-tune."""

    name: str
    path: Path
    """The Hugging Face folder."""
    epoch: float | None
    """Pretraining epochs it had seen when it was kept; None for a finished encoder."""
    seeds: list[int]
    task: Task
    """What it is fine-tuned for, with what the settings leave open as this encoder's folder has it."""
    random_weights: bool = False
    """Whether only its shape and its tokenizer are used."""

    @property
    def title(self) -> str:
        """Name in logs and, as `file_name` spells it, in file names."""
        return self.name if self.epoch is None else f"{self.name}-epoch-{self.epoch:g}"

    def settled(self, open_task: Task) -> dict[str, Any]:
        """Return what of the task was open and is settled for this encoder, by dotted names."""
        before = dict(open_task)
        return {f"task.{name}": value for name, value in self.task if value != before[name]}


def candidates(config: FinetuneConfig) -> Iterator[Candidate]:
    """Yield every encoder, and where asked the models kept on its way before it and its shape after it."""
    for name, path in config.models.items():
        has_record = config.epoch_seeds and (path / "run.json").is_file()
        for place in PretrainResults.read(Run.open(path).results).kept if has_record else []:
            kept = path / (place.folder or "")
            yield Candidate(name, kept, place.epoch, config.epoch_seeds, config.task.starting_from(kept))
        folder = model_folder(path)
        task = config.task.starting_from(folder)
        yield Candidate(name, folder, None, config.seeds, task)
        if config.random_weights:
            yield Candidate(f"{name}-random", folder, None, config.seeds, task, random_weights=True)


def twin(model: Candidate, config: FinetuneConfig) -> Candidate | None:
    """Return the candidate before a random one that is the same network: of its shape and with its tokenizer."""
    if not model.random_weights:
        return None
    about = _about(model)
    others = takewhile(lambda other: other != model, candidates(config))
    return next((other for other in others if other.random_weights and _about(other) == about), None)


def _about(model: Candidate) -> tuple[Any, ...]:
    opened = ModelFolder.open(model.path)
    tokenizer = {name: hash_file(model.path / name) for name in TOKENIZER_FILES if (model.path / name).is_file()}
    return opened.shape, opened.vocab_size, tokenizer, model.task


def start(model: Candidate, seed: int, config: FinetuneConfig, learnt: TaskState) -> TaskNetwork:
    """Return the network that a training of one seed starts from, on the device it is trained on."""
    device = pick_device(config.training.device)
    torch.manual_seed(derive_seed(seed, "head"))
    network = start_network(model.task, model.path, learnt, config.reading, config.dropout, model.random_weights)
    network.bert.compute_dtype = pick_precision(config.training.precision, device)
    return network.to(device)


def check_candidates(config: FinetuneConfig, learnt: TaskState) -> None:
    """Raise UserError where an encoder is too short for the task, or has no such layers as settings name."""
    for model in candidates(config):
        room = ModelFolder.open(model.path).shape.max_position_embeddings
        require_room("task", config.task.max_length, model.name, room)
        _refuse_what_no_network_has(model, config, learnt)


def _refuse_what_no_network_has(model: Candidate, config: FinetuneConfig, learnt: TaskState) -> None:
    """Look for layers and groups of parameters in a network of the model's shape."""
    asked = {str((each.reading, each.learning)): each for each in check_search(config)}
    for each in asked.values():
        if (each.reading, each.learning) != (Reading(), Learning()):
            opened = ModelFolder.open(model.path)
            network = TaskNetwork(model.task, opened.shape, opened.vocab_size, learnt, each.reading)
            plan_learning(network, each.learning, each.training.peak_lr or 1.0)
