"""One training of one network for one task: epochs, validation, and the best epoch's weights at the end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from types import MappingProxyType

import numpy as np
from torch import Tensor, nn

from mamebert.encoder.fixed_embeddings import count_parameters
from mamebert.progress import Meter, say
from mamebert.stages.finetune.hidden_state_cache import HiddenStates
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Answer, Raw, Task
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import TaskBatch, TaskState, batches, pack
from mamebert.tasks.network.task_network import TaskNetwork, answers_of, raw_outputs
from mamebert.training.groups import plan_learning
from mamebert.training.interruption import stop_between_steps
from mamebert.training.loop import Losses, Step, derive_seed, train
from mamebert.training.optimizer import make_optimizer


@dataclass
class Fitted:
    """What a training came to."""

    learnt: TaskState
    """With what the validation rows of the best epoch decided."""
    valid_by_epoch: list[float] = field(default_factory=list)
    """The task's first measure after each epoch."""
    seconds: float = 0.0
    """Training and validation."""
    parameters: dict[str, int] = field(default_factory=dict)
    """How many there are in all, how many learn at any time, and how many never do."""

    @property
    def best_epoch(self) -> int:
        """Counted from 1; of equals the first."""
        return int(np.argmax(self.valid_by_epoch)) + 1


class Fitting:
    """A training at work; the network ends with the weights of the epoch that validated best."""

    def __init__(
        self,
        config: FinetuneConfig,
        network: TaskNetwork,
        train: Part,
        valid: Part,
        learnt: TaskState,
        record: Callable[..., None],
        states: Mapping[str, HiddenStates] = MappingProxyType({}),
    ) -> None:
        self.config, self.task, self.training = config, config.task, config.training
        self.network, self.train, self.valid = network, train, valid
        self.learnt, self.record, self.states = learnt, record, states
        self.plan = plan_learning(network, config.learning, self.training.peak_lr)
        self.plan.open(network)
        self.parameters = count_parameters(network)
        self.optimizer = make_optimizer(network, self.training, lr_factors=self.plan.factors)
        self.frozen_below: list[nn.Module] = []
        steps = sum(1 for _ in self._batches(range(len(train.features))))
        self.num_epochs = self.training.epochs or -(-self.training.steps // steps)
        self.total = self.training.steps or self.num_epochs * steps
        if self.plan.last_begin >= self.num_epochs:
            say(f"Training ends before all layers learn: the lowest would begin with epoch {self.plan.last_begin + 1}.")

    def run(self, title: str, seed: int) -> Fitted:
        """Train; every epoch is judged on the validation rows, and patience ends it once all learns that should."""
        fitted, best_weights = Fitted(self.learnt, parameters=self.parameters), self._weights()
        started, done = monotonic(), 0
        with Meter(title, self.total, "steps") as meter, stop_between_steps() as stopping:
            for epoch in range(self.training.epochs) if self.training.epochs else count():
                for step in self._epoch(seed, epoch, done):
                    done = step.number
                    best = f"  best valid {max(fitted.valid_by_epoch):.4f}" if fitted.valid_by_epoch else ""
                    meter.advance(1, f"loss {step.loss:.3f}{best}")
                    if stopping.asked:
                        say("Finished seeds and trials are kept.")
                        stopping.raise_if_requested()
                    if done == self.training.steps:
                        break
                learnt, score = self._validate()
                fitted.valid_by_epoch.append(score)
                self.record(epoch=epoch + 1, valid=score)
                if fitted.best_epoch == epoch + 1:
                    fitted.learnt, best_weights = learnt, self._weights()
                waited = epoch + 1 - max(fitted.best_epoch, self.plan.last_begin)
                if done == self.training.steps or waited >= self.config.patience:
                    break
        self.network.load_state_dict(best_weights, strict=False)
        fitted.seconds = monotonic() - started
        return fitted

    def _weights(self) -> dict[str, Tensor]:
        """Return a copy of all that training can change."""
        frozen = {name for name, _ in self.network.named_parameters()} - self.plan.factors.keys()
        return {k: v.detach().clone() for k, v in self.network.state_dict().items() if k not in frozen}

    def _epoch(self, seed: int, epoch: int, done: int) -> Iterator[Step]:
        self.plan.open(self.network, epoch)
        self.frozen_below = self.plan.frozen_below(self.network, epoch)
        order = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(len(self.train.features))
        parts = (self._parts(rows) for rows in self._batches(order.tolist()))
        return train(self.network, self.optimizer, parts, self._loss, self.training, self.total, seed, done)

    def _batches(self, order: Sequence[int]) -> Iterator[list[int]]:
        return batches(self.train.features, order, self.training.batch_tokens, self.config.batch_rows)

    def _parts(self, rows: list[int]) -> list[tuple[TaskBatch, int]]:
        """Return the parts that are computed one after the other, each with what the batch asks in all."""
        features, at_once = self.train.features, self.training.micro_batch_tokens
        whole = max(1, sum(self.task.num_asked(features[row]) for row in rows))
        return [(pack(features, part), whole) for part in (batches(features, rows, at_once) if at_once else [rows])]

    def _loss(self, part: tuple[TaskBatch, int]) -> Losses:
        batch = part[0].to(self.network.device)
        for module in self.frozen_below:
            module.eval()
        gather = self.states["train"].gather if "train" in self.states else self.network.gather
        return self.task.loss(self.network.conclude(gather(batch), batch), batch, part[1])

    def _validate(self) -> tuple[TaskState, float]:
        raws = _raws(self.task, self.network, self.valid, self.states.get("valid"))
        learnt = self.task.choose(raws, self.valid.features, self.valid.examples, self.learnt)
        answers = answers_of(self.task, raws, self.valid.features, learnt)
        return learnt, self.task.measures(self.valid.examples, answers)[0].score


def answer(
    task: Task, network: TaskNetwork, part: Part, learnt: TaskState, states: HiddenStates | None = None
) -> list[Answer]:
    """Return the network's answers to the examples of a part, whose hidden states may be known."""
    return answers_of(task, _raws(task, network, part, states), part.features, learnt)


def _raws(task: Task, network: TaskNetwork, part: Part, states: HiddenStates | None) -> list[Raw]:
    return raw_outputs(task, network, part.features, gather=states.gather if states else None)
