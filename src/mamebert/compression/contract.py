"""The contract between methods and models: what a network is for, a model on the bench, and the bench."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from mamebert.checkpoints.model_folder import tokenizer_for
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.tasks.bag.network import BagNetwork
from mamebert.tasks.data.features import Example, TaskBatch
from mamebert.tasks.network.task_network import TaskNetwork
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import Losses
from mamebert.training.settings import Training

Network = TaskNetwork | PretrainingNetwork
Batch = TaskBatch | PretrainingBatch
Loss = Callable[[Any], Losses]
"""From a batch to its loss; a mean over the batch, in nats where it is a cross entropy."""


class Goal(ABC):
    """What a network is for: a task, or guessing masked words."""

    @abstractmethod
    def loss(self, network: Any, batch: Any) -> Losses:
        """Return the loss by the right answers alone."""

    @abstractmethod
    def conclude(self, network: Any, batch: Any, states: Sequence[Tensor]) -> Tensor:
        """Return the outputs [rows, classes] in float32 that follow from the hidden states of a pass.

        `states` are those of `Encoder.hidden_states`: num_hidden_layers + 1 of [tokens, hidden_size].
        """

    def loss_from(self, network: Any, batch: Any, states: Sequence[Tensor]) -> Losses:
        """Return the loss by the right answers that follows from the hidden states of a pass; else another pass's."""
        return self.loss(network, batch)

    @property
    @abstractmethod
    def scores_classes(self) -> bool:
        """Whether outputs are scores of alternatives of which one is right, rather than numbers of their own."""

    def alternatives(self, outputs: Tensor, batch: Any) -> Tensor:
        """Return the scores [questions, alternatives] among which one is right; -inf where there is no alternative.

        Each row of the outputs is a question, unless a task says otherwise: tokens that an answer may begin with, say.
        """
        return outputs

    @abstractmethod
    def network(self, config: EncoderConfig, vocab_size: int) -> Any:
        """Return a network of another shape for the same goal, with random weights (drawn from torch's generator)."""

    @abstractmethod
    def save(self, network: Any, tokenizer_folder: Path, folder: Path) -> None:
        """Write a folder that `open_network` or `load_pretraining` opens: of a plain class, if one holds the shape."""

    def outputs(self, network: Any, batch: Any) -> Tensor:
        """Return the outputs [rows, classes] of a pass."""
        return self.conclude(network, batch, list(network.bert.hidden_states(batch.packed)))


@dataclass
class Subject:
    """A model on the bench."""

    network: Any
    """A `Network`. Its encoder is `network.bert`; a method may change it in place or put another in its place.

    That of a model which answers and is never made smaller may have none.
    """
    goal: Goal
    folder: Path
    """The Hugging Face folder that its tokenizer is taken from."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What methods decided (layers dropped, bits of each matrix ...): plain JSON, for the card and the page."""

    @property
    def bert(self) -> Encoder:
        """The encoder."""
        encoder: Encoder = self.network.bert
        return encoder

    @property
    def vocab_size(self) -> int:
        """Tokens that there is room for."""
        return self.network.vocab_size if isinstance(self.network, BagNetwork) else self.bert.vocab_size

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, opened anew; one with more tokens than there is room for is a UserError."""
        return tokenizer_for(self.folder, self.vocab_size)


class Form(NamedTuple):
    """One way in which a compressed model lies on disk and runs."""

    name: Literal["plain", "compact", "onnx", "onnx_int8"]
    """plain: a folder of plain transformers. compact: a folder of ours. onnx, onnx_int8: a graph."""
    place: str
    """The folder, or the file of the graph, within the folder of the model; "." is that folder itself."""
    opens_with: str
    """The program that opens it, such as "transformers BertForSequenceClassification"."""


class Bench(ABC):
    """Data, a teacher, and a place to learn."""

    seed: int
    teacher: Subject
    """The model as it was before anything was done to it; in evaluation mode, never to be changed.

    What takes tokens away puts one in its place that has lost the same: whoever is taught after it reads what it reads.
    """
    scratch: Path
    """A folder for what a method wants to find again if it is killed and started anew."""
    device: torch.device

    @abstractmethod
    def batches(self, num_batches: int, batch_tokens: int = 2048) -> list[Any]:
        """Return batches of training data, the same for the same seed: what importance and ranges are taken from.

        Fewer where there is less data; none at all is a UserError (calibration needs rows).
        """

    @abstractmethod
    def learn(
        self,
        subject: Subject,
        training: Training,
        loss: Loss | None = None,
        beside: nn.Module | None = None,
        choose_best: bool = True,
        lr_factors: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Train the subject in place: by `loss`, or by its goal's own.

        Parameters of `beside` (projections that distillation needs, gates) learn too. Parameters that do not require
        gradients stay. With `choose_best` the weights of the epoch that validated best are those it ends with.
        `lr_factors` are, by the name of a parameter of the network, rates that are so many times that of all others.
        """

    def steps_of_epoch(self, subject: Subject, training: Training) -> int:
        """Return how many steps `learn` makes to read the training data once."""
        return len(self.batches(sys.maxsize, training.batch_tokens))

    @abstractmethod
    def score(self, subject: Subject) -> float:
        """Return how good the subject is on validation data, higher is better.

        That is a task's first measure, or minus the held-out loss.
        """

    @abstractmethod
    def examples(self) -> list[Example]:
        """Return the training rows of a task; empty for a pretrained encoder."""

    @abstractmethod
    def with_examples(self, examples: list[Example]) -> "Bench":
        """Return a bench whose training rows are these (augmented) ones."""

    @abstractmethod
    def token_counts(self) -> Tensor:
        """Return int64 [vocabulary]: how often each token occurs in the training data and in the corpus, if given."""

    @abstractmethod
    def heldout_token_counts(self) -> Tensor:
        """Return int64 [vocabulary]: the same for validation data, which nothing is learnt from."""
