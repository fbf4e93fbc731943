"""The goal of a network on the bench: a task with a head of its own, or masked words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from mamebert.checkpoints.save import save_pretraining
from mamebert.compression.contract import Goal
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskBatch, TaskState
from mamebert.tasks.network.task_network import TaskNetwork, save_network
from mamebert.training.loop import Losses


@dataclass(frozen=True)
class TaskGoal(Goal):
    """A fine-tuned model's."""

    task: Task
    learnt: TaskState
    reading: Reading
    kept: Kept = field(default_factory=Kept)
    """How the training rows were read."""

    def loss(self, network: TaskNetwork, batch: TaskBatch) -> Losses:
        """Return the task's own loss."""
        return self._judge(network(batch), batch)

    def loss_from(self, network: TaskNetwork, batch: TaskBatch, states: Sequence[Tensor]) -> Losses:
        """Return the task's own loss, from the hidden states of a pass."""
        return self._judge(_answer(network, batch, states), batch)

    def conclude(self, network: TaskNetwork, batch: TaskBatch, states: Sequence[Tensor]) -> Tensor:
        """Return the head's outputs [rows, outputs]; a head that gives several things is a UserError."""
        found = _answer(network, batch, states)
        found = getattr(found, "vectors", found)  # sentence embeddings, whatever else is made of them
        if not isinstance(found, Tensor):
            raise UserError(
                f"What a model for {self.task.kind} gives is no table of scores, so it cannot be imitated. "
                "Choose a method, or settings, that learn from right answers alone."
            )
        return found if found.ndim == 2 else found.reshape(len(found), -1)

    @property
    def scores_classes(self) -> bool:
        """Whether outputs are scores of alternatives."""
        return self.task.scores_alternatives

    def alternatives(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return what the task's own softmax goes over."""
        return self.task.alternatives(outputs, batch)

    def network(self, config: EncoderConfig, vocab_size: int) -> TaskNetwork:
        """Return a network of another shape with the same kind of head."""
        return TaskNetwork(self.task, config, vocab_size, self.learnt, self.reading)

    def save(self, network: TaskNetwork, tokenizer_folder: Path, folder: Path) -> None:
        """Write a folder that `open_network` opens."""
        save_network(network, self.task, self.learnt, self.reading, tokenizer_folder, folder, self.kept)

    def _judge(self, found: Any, batch: TaskBatch) -> Losses:
        return self.task.loss(found, batch, max(1, sum(map(self.task.num_asked, batch.features))))


@dataclass(frozen=True)
class MaskedWords(Goal):
    """A pretrained encoder's."""

    objective: Objective
    tied: bool = True
    """Whether the output matrix is the table of token embeddings."""

    def loss(self, network: PretrainingNetwork, batch: PretrainingBatch) -> Losses:
        """Return the objective's own loss."""
        return self.objective.loss(network, batch, batch.asked)

    def loss_from(self, network: PretrainingNetwork, batch: PretrainingBatch, states: Sequence[Tensor]) -> Losses:
        """Return the cross entropy of masked words alone, from the hidden states of a pass; of no sentence pairs."""
        masked: Tensor = network.cls.predictions.loss(states[-1][batch.chosen], batch.targets)
        return Losses(masked, {"mlm_loss": masked.detach()})

    def conclude(self, network: PretrainingNetwork, batch: PretrainingBatch, states: Sequence[Tensor]) -> Tensor:
        """Return the scores of the vocabulary [chosen, vocabulary] for the tokens asked for."""
        scores: Tensor = network.cls.predictions(states[-1][batch.chosen])
        return scores

    @property
    def scores_classes(self) -> bool:
        """Whether one of the outputs of each row is right: one word is."""
        return True

    def network(self, config: EncoderConfig, vocab_size: int) -> PretrainingNetwork:
        """Return a network of another shape with the pretraining heads."""
        return PretrainingNetwork(config, vocab_size, self.tied)

    def save(self, network: PretrainingNetwork, tokenizer_folder: Path, folder: Path) -> None:
        """Write a folder that `load_pretraining` opens."""
        save_pretraining(network, tokenizer_folder, folder)


def _answer(network: TaskNetwork, batch: TaskBatch, states: Sequence[Tensor]) -> Any:
    """Return what the head makes of the hidden states of a pass."""
    gathered = network.gathered_of(batch)
    read = network.reader.pick(states, gathered.packed, gathered.places)
    return network.conclude(read[gathered.order], batch)
