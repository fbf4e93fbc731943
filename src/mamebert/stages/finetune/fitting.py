"""One training of one network for one task: epochs, validation, and the best epoch's weights at the end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from mamebert.encoder.fixed_embeddings import count_parameters
from mamebert.progress import say
from mamebert.stages.finetune.hidden_state_cache import HiddenStates
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Answer, Raw, Task
from mamebert.tasks.data.batching import batches
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import Features, TaskBatch, TaskState, pack
from mamebert.tasks.network.answering import Network, answers_of, raw_outputs
from mamebert.tasks.network.task_network import TaskNetwork
from mamebert.training.best_epoch import BestEpoch, best_of, run_epochs
from mamebert.training.groups import plan_learning
from mamebert.training.loop import Losses, Step, derive_seed, train
from mamebert.training.optimizer import make_optimizer


@dataclass
class Fitted:
    """What a training came to."""

    learnt: TaskState
    """With what the validation rows of the best epoch decided."""
    valid_by_epoch: list[float] = field(default_factory=list)
    """The task's first measure after each validated epoch."""
    valid_loss_by_epoch: list[float] = field(default_factory=list)
    """The task's loss on the validation rows after each of them."""
    validated_epochs: list[int] = field(default_factory=list)
    """Their numbers, from 1; without any, every epoch was validated."""
    seconds: float = 0.0
    """Training and validation."""
    num_steps: int = 0
    """Steps of the optimizer."""
    parameters: dict[str, int] = field(default_factory=dict)
    """How many there are in all, how many learn at any time, and how many never do."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """What validation rows decided besides the epoch, where a fit is convex."""

    @property
    def best_epoch(self) -> int:
        """Counted from 1; of equals that with the lowest loss."""
        best = best_of(self.valid_by_epoch, self.valid_loss_by_epoch)
        return self.validated_epochs[best - 1] if self.validated_epochs else best


class Validated(NamedTuple):
    """A network on the validation rows."""

    learnt: TaskState
    """With what they decide, such as a threshold."""
    score: float
    """The task's first measure; higher is better."""
    loss: float
    """What training minimises."""


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
        self.config, self.task, self.training = config, config.task, config.training.closed()
        self.network, self.train, self.valid = network, train, valid
        self.learnt, self.record, self.states = learnt, record, states
        assert config.batch_rows is not None, "nothing is open when training begins"
        assert config.patience is not None, "nothing is open when training begins"
        self.batch_rows, self.patience = config.batch_rows, config.patience
        self.validate_every = config.validate_every or 1
        self.plan = plan_learning(network, config.learning, self.training.peak_lr)
        self.plan.open(network)
        self.parameters = count_parameters(network)
        self.optimizer = make_optimizer(network, self.training, lr_factors=self.plan.factors)
        self.frozen_below: list[nn.Module] = []
        self.read = self._read(np.random.default_rng(0))
        steps = sum(1 for _ in self._batches(range(len(train.features))))
        self.num_epochs = self.training.epochs or -(-self.training.steps // steps)
        self.total = self.training.steps or self.num_epochs * steps
        self.warmup_epochs = -(-round(self.total * self.training.warmup_rate) // steps)
        if self.plan.last_begin >= self.num_epochs:
            say(f"Training ends before all layers learn: the lowest would begin with epoch {self.plan.last_begin + 1}.")

    def run(self, title: str, seed: int) -> Fitted:
        """Train; epochs are judged on the validation rows, and patience ends it once all learns that should."""
        fitted, started = Fitted(self.learnt, parameters=self.parameters), monotonic()
        frozen = {name for name, _ in self.network.named_parameters()} - self.plan.factors.keys()
        best = BestEpoch(self.network, unchanging=frozen)

        def is_enough(epoch: int, done: int) -> bool:
            fitted.num_steps = done
            is_last = done == self.training.steps or epoch + 1 == self.training.epochs
            if (epoch + 1) % self.validate_every and not is_last:
                return False
            found, fitted.validated_epochs = self._validate(), [*fitted.validated_epochs, epoch + 1]
            if best.judge(found.score, found.loss):
                fitted.learnt = found.learnt
            self.record(epoch=epoch + 1, valid=found.score, valid_loss=found.loss)
            # A lower loss alone is worth keeping, not waiting for.
            best_epoch = fitted.validated_epochs[best_of(best.scores) - 1]
            idle = self._idle(dict(zip(fitted.validated_epochs, best.scores, strict=True)))
            return is_last or epoch + 1 - max(best_epoch, self.plan.last_begin, idle) >= self.patience

        def describe(step: Step) -> str:
            return f"loss {step.loss:.3f}" + (f"  best valid {max(best.scores):.4f}" if best.scores else "")

        run_epochs(
            title, self.total, range(self.training.epochs) if self.training.epochs else count(),
            lambda epoch, done: self._epoch(seed, epoch, done), is_enough, describe,
            max_steps=self.training.steps, farewell="Finished seeds and trials are kept.",
        )  # fmt: skip
        best.restore()
        fitted.valid_by_epoch, fitted.valid_loss_by_epoch = best.scores, best.losses
        fitted.seconds = monotonic() - started
        return fitted

    def _idle(self, scores: Mapping[int, float]) -> int:
        """Return how many epochs at the beginning patience does not count: the warm-up, and while nothing changes."""
        first = next(iter(scores.values()))
        moved = next((epoch for epoch, score in scores.items() if score != first), max(scores) + 1)
        return max(self.warmup_epochs, moved - 1)

    def _epoch(self, seed: int, epoch: int, done: int) -> Iterator[Step]:
        self.plan.open(self.network, epoch)
        self.frozen_below = self.plan.frozen_below(self.network, epoch)
        self.read = self._read(np.random.default_rng(derive_seed(seed, "read", epoch)))
        order = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(len(self.train.features))
        parts = (self._parts(rows) for rows in self._batches(order.tolist()))
        return train(self.network, self.optimizer, parts, self._loss, self.training, self.total, seed, done)

    def _read(self, rng: np.random.Generator) -> Sequence[Features]:
        """Return what an epoch reads of each example; hidden states that are kept are of all of it."""
        features = self.train.features
        return features if "train" in self.states else [self.task.learnt_from(each, rng) for each in features]

    def _batches(self, order: Sequence[int]) -> Iterator[list[int]]:
        return batches(self.read, order, self.training.batch_tokens, self.batch_rows)

    def _parts(self, rows: list[int]) -> list[tuple[TaskBatch, int]]:
        """Return the parts that are computed one after the other, each with what the batch asks in all."""
        features, at_once = self.read, self.training.micro_batch_tokens
        whole = max(1, sum(self.task.num_asked(features[row]) for row in rows))
        return [(pack(features, part), whole) for part in (batches(features, rows, at_once) if at_once else [rows])]

    def _loss(self, part: tuple[TaskBatch, int]) -> Losses:
        batch = part[0].to(self.network.device)
        for module in self.frozen_below:
            module.eval()
        gather = self.states["train"].gather if "train" in self.states else self.network.gather
        return self.task.loss(self.network.conclude(gather(batch), batch), batch, part[1])

    def _validate(self) -> Validated:
        whole = max(1, sum(map(self.task.num_asked, self.valid.features)))
        losses: list[float] = []
        raws = _raws(
            self.task, self.network, self.valid, self.states.get("valid"),
            lambda found, batch: losses.append(float(self.task.loss(found, batch, whole).total)),
        )  # fmt: skip
        learnt = self.task.choose(raws, self.valid.features, self.valid.examples, self.learnt)
        answers = answers_of(self.task, raws, self.valid.features, learnt)
        return Validated(learnt, self.task.measures(self.valid.examples, answers)[0].score, sum(losses))


def answer(
    task: Task, network: Network, part: Part, learnt: TaskState, states: HiddenStates | None = None
) -> list[Answer]:
    """Return the network's answers to the examples of a part, whose hidden states may be known."""
    return answers_of(task, _raws(task, network, part, states), part.features, learnt)


def _raws(
    task: Task,
    network: Network,
    part: Part,
    states: HiddenStates | None,
    beside: Callable[[Any, TaskBatch], None] | None = None,
) -> list[Raw]:
    return raw_outputs(task, network, part.features, gather=states.gather if states else None, beside=beside)
