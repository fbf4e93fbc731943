"""The encoders and tables of word vectors that a fine-tuning compares, and the networks that start from them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch

from mamebert.checkpoints.model_folder import ModelFolder, model_folder
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.readings import Reading
from mamebert.files.disk import hash_file
from mamebert.results.pretrain import PretrainResults
from mamebert.runs import Run
from mamebert.stages.finetune.search import check_search
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Task
from mamebert.tasks.bag.folder import save_bag
from mamebert.tasks.bag.network import WHOLE, BagNetwork, whole_texts
from mamebert.tasks.bag.starting import is_for_single_texts, is_table, require_single_texts, tokenizer_of
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import Example, Features, TaskState
from mamebert.tasks.network.task_network import TaskNetwork, save_network, start_network
from mamebert.tasks.network.told import require_room
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.files import TOKENIZER_FILES
from mamebert.tokenizer.unknown import Unknown
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.groups import Learning, plan_learning
from mamebert.training.loop import derive_seed


@dataclass(frozen=True)
class Candidate:
    """One encoder to fine-tune, or a table of word vectors that a classifier stands on."""

    name: str
    path: Path
    """The Hugging Face folder; of a table, that of the run which made it."""
    epoch: float | None
    """Pretraining epochs it had seen when it was kept; None for a finished encoder."""
    seeds: list[int]
    task: Task
    """What it is fine-tuned for, with what the settings leave open as this encoder's folder has it."""
    random_weights: bool = False
    """Whether only its shape and its tokenizer are used."""
    is_table: bool = False
    """Whether it is a table: no network is trained then, and whole texts are read."""

    @property
    def title(self) -> str:
        """Name in logs and, as `file_name` spells it, in file names."""
        return self.name if self.epoch is None else f"{self.name}-epoch-{self.epoch:g}"

    def settled(self, open_task: Task) -> dict[str, Any]:
        """Return what of the task was open and is settled for this encoder, by dotted names."""
        before, after = (task.model_dump(mode="json") for task in (open_task, self.task))
        return {f"task.{name}": value for name, value in after.items() if value != before[name]}

    @cached_property
    def tokenizer_folder(self) -> Path:
        """Where the tokenizer lies."""
        return tokenizer_of(self.path) if self.is_table else self.path

    def features(self, parts: Mapping[str, Sequence[Example]], learnt: TaskState) -> tuple[dict[str, Part], Unknown]:
        """Return the rows of every part as it reads them, and how much of them its vocabulary does not know."""
        folder = self.tokenizer_folder
        tokenizer = Tokenizer.open(folder) if self.is_table else ModelFolder.open(folder).tokenizer()

        def shown(part: Sequence[Example]) -> list[Features]:
            if self.is_table:
                return whole_texts(self.task, tokenizer, part, learnt)
            return self.task.features(tokenizer, part, learnt)

        return {name: Part(each, shown(each)) for name, each in parts.items()}, tokenizer.unknown


def candidates(config: FinetuneConfig) -> Iterator[Candidate]:
    """Yield every encoder, and where asked the models kept on its way before it and its shape after it."""
    for name, path in config.models.items():
        if is_table(path):
            # However an encoder would be shown a long text, here it is one sequence.
            chunks = {"chunks": 1} if is_for_single_texts(config.task) else {}
            task = config.task.model_copy(update={"max_length": WHOLE, **chunks})
            yield Candidate(name, path, None, config.seeds, task, is_table=True)
            if config.random_weights:
                yield Candidate(f"{name}-random", path, None, config.seeds, task, random_weights=True, is_table=True)
            continue
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
    if not model.random_weights or model.is_table:
        return None
    about = _about(model)
    others = takewhile(lambda other: other != model, candidates(config))
    alike = (other for other in others if other.random_weights and not other.is_table)
    return next((other for other in alike if _about(other) == about), None)


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


def save(
    network: TaskNetwork | BagNetwork,
    model: Candidate,
    learnt: TaskState,
    folder: Path,
    kept: Kept,
) -> None:
    """Write the folder of a network that began as a candidate; `kept` is how the training rows were read."""
    if isinstance(network, BagNetwork):
        save_bag(network, model.task, learnt, model.tokenizer_folder, folder, kept)
    else:
        save_network(network, model.task, learnt, network.reading, model.path, folder, kept)


def check_candidates(config: FinetuneConfig, learnt: TaskState) -> None:
    """Raise UserError where an encoder is too short for the task, or has no such layers as settings name.

    So it is where a table is no start for the task.
    """
    for model in candidates(config):
        if model.is_table:
            require_single_texts(config.task)
            continue
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
