"""The bench of a compression: data to calibrate with and to learn from, and one way of learning."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mamebert.compression.contract import Bench, Loss, Subject
from mamebert.compression.goals import MaskedWords, TaskGoal
from mamebert.corpus.frequencies import token_counts
from mamebert.corpus.token_shards import TokenShards
from mamebert.errors import UserError
from mamebert.files.disk import hash_file
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.held_out import held_out_batches
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.tasks.data.batching import batches, batches_of_like_length
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import Example, TaskBatch, pack
from mamebert.tasks.network.answering import answers_of, raw_outputs
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.best_epoch import BestEpoch, run_epochs
from mamebert.training.devices import pick_precision
from mamebert.training.loop import Step, derive_seed, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training


class Ordered(Protocol):
    """The batches of an epoch; one is made when it is asked for."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, number: int, /) -> Any:
        """Return a batch."""


class LearningBench(Bench):
    """A bench whose data say what a batch is and how good a model is."""

    title = "compress"

    def __init__(self, teacher: Subject, seed: int, scratch: Path, device: torch.device) -> None:
        self.teacher, self.seed, self.scratch, self.device = teacher, seed, scratch, device
        self.shown_to = teacher
        """Whose tokenizer calibration data are shown with: a method before may have changed the subject's."""
        self.scores: list[float] = []
        """What was found on validation data, learning after learning."""
        self._learnings = count()

    @abstractmethod
    def batches_of_epoch(self, subject: Subject, training: Training, seed: int, epoch: int) -> Ordered:
        """Return the batches of one epoch, in order; making one may be left until it is asked for."""

    def steps_of_epoch(self, subject: Subject, training: Training) -> int:
        """Return how many steps read the training data once."""
        return len(self.batches_of_epoch(subject, training, 0, 0))

    def learn(
        self,
        subject: Subject,
        training: Training,
        loss: Loss | None = None,
        beside: nn.Module | None = None,
        choose_best: bool = True,
        lr_factors: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Train the subject in place; after each epoch it is judged on validation data."""
        network, seed = subject.network, derive_seed(self.seed, "learn", next(self._learnings))
        network.bert.compute_dtype = pick_precision(training.precision, self.device)
        learner = nn.ModuleList([network] if beside is None else [network, beside.to(self.device)])
        rates = {f"0.{name}": factor for name, factor in lr_factors.items()}  # the network is the learner's first part
        optimizer = make_optimizer(learner, training, lr_factors=rates)
        loss = loss or (lambda batch: subject.goal.loss(network, batch))
        steps_each = len(self.batches_of_epoch(subject, training, seed, 0))
        total = training.steps or training.epochs * steps_each
        best = BestEpoch(network)

        def steps_of(epoch: int, done: int) -> Iterator[Step]:
            of_epoch = self.batches_of_epoch(subject, training, seed, epoch)
            numbers = range(min(len(of_epoch), total - done))
            parts = ([of_epoch[number].to(self.device)] for number in numbers)
            return train(learner, optimizer, parts, loss, training, total, seed, done)

        def is_enough(epoch: int, done: int) -> bool:
            if choose_best or done == total:
                self.scores.append(self.score(subject))
            if choose_best:
                best.judge(self.scores[-1])
            return False

        run_epochs(self.title, total, range(-(-total // steps_each)), steps_of, is_enough, _losses)
        best.restore()
        network.eval()


def _losses(step: Step) -> str:
    return "  ".join(f"{name} {loss:.3f}" for name, loss in {"loss": step.loss, **step.parts}.items())


class RowsBench(LearningBench):
    """Labelled rows."""

    def __init__(
        self, teacher: Subject, seed: int, scratch: Path, device: torch.device, rows: Mapping[str, Sequence[Example]],
        shards: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(teacher, seed, scratch, device)
        self.rows, self.shards = rows, shards
        self._shown: dict[tuple[str, str], Part] = {}

    def part(self, subject: Subject, name: str) -> Part:
        """Return "train", "valid" or "test" as the subject's tokenizer shows it."""
        goal, vocab = subject.goal, subject.folder / "vocab.txt"
        assert isinstance(goal, TaskGoal)
        key = (name, hash_file(vocab) if vocab.is_file() else str(subject.folder))
        if key not in self._shown:
            shown = goal.task.features(subject.tokenizer, self.rows[name], goal.learnt)
            self._shown[key] = Part(self.rows[name], shown)
        return self._shown[key]

    def batches_of_epoch(self, subject: Subject, training: Training, seed: int, epoch: int) -> Sequence[TaskBatch]:
        """Return the rows in an order of this epoch; those of like length share a batch, for many methods pad."""
        features, rng = self.part(subject, "train").features, np.random.default_rng(derive_seed(seed, "order", epoch))
        return _Lazily(features, batches_of_like_length(features, training.batch_tokens, rng))

    def batches(self, num_batches: int, batch_tokens: int = 2048) -> list[TaskBatch]:
        """Return batches of training rows, of whatever length: a few are to be like all."""
        features = self.part(self.shown_to, "train").features
        order = np.random.default_rng(derive_seed(self.seed, "calibration")).permutation(len(features)).tolist()
        found = _Lazily(features, list(islice(batches(features, order, batch_tokens), num_batches)))
        return [batch.to(self.device) for batch in found]

    def score(self, subject: Subject) -> float:
        """Return the task's first measure on the validation rows; what they decide, such as a threshold, is kept."""
        goal, part = subject.goal, self.part(subject, "valid")
        assert isinstance(goal, TaskGoal)
        raws = raw_outputs(goal.task, subject.network, part.features)
        learnt = goal.task.choose(raws, part.features, part.examples, goal.learnt)
        subject.goal = replace(goal, learnt=learnt)
        return goal.task.measures(part.examples, answers_of(goal.task, raws, part.features, learnt))[0].score

    def examples(self) -> list[Example]:
        """Return the training rows."""
        return list(self.rows["train"])

    def with_examples(self, examples: list[Example]) -> "RowsBench":
        """Return a bench with other training rows, which goes on counting where this one is."""
        other = RowsBench(
            self.teacher, self.seed, self.scratch, self.device, {**self.rows, "train": examples}, self.shards
        )
        other.title, other.shown_to = self.title, self.shown_to
        other.scores, other._learnings = self.scores, self._learnings
        return other

    def token_counts(self) -> Tensor:
        """Return how often each token occurs in the training rows, and in the text of `shards`."""
        counts = self._counts("train")
        if self.shards:
            in_text = counts_for(self.shown_to.tokenizer, TokenShards.open(self.shards))
            counts[: len(in_text)] += in_text
        return counts

    def heldout_token_counts(self) -> Tensor:
        """Return how often each token occurs in the validation rows."""
        return self._counts("valid")

    def _counts(self, part: str) -> Tensor:
        features = self.part(self.shown_to, part).features
        ids = np.concatenate([sequence for each in features for sequence in each.sequences])
        return torch.from_numpy(np.bincount(ids, minlength=self.shown_to.bert.vocab_size))


class _Lazily(Sequence[TaskBatch]):
    """Batches that are packed when they are asked for."""

    def __init__(self, features: Sequence[Any], rows: list[list[int]]) -> None:
        self.features, self.rows = features, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [pack(self.features, rows) for rows in self.rows[number]]
        return pack(self.features, self.rows[number])


class TextBench(LearningBench):
    """Token shards."""

    def __init__(
        self, teacher: Subject, seed: int, scratch: Path, device: torch.device, shards: Path,
        heldout_tokens: int = 100_000,
    ) -> None:  # fmt: skip
        super().__init__(teacher, seed, scratch, device)
        self.shards, self.heldout_tokens = TokenShards.open(shards), heldout_tokens

    def batches_of_epoch(self, subject: Subject, training: Training, seed: int, epoch: int) -> Ordered:
        """Return the text, masked anew in every epoch."""
        return self._epoch(subject, self.shards, training.batch_tokens, seed, epoch)

    def batches(self, num_batches: int, batch_tokens: int = 2048) -> list[PretrainingBatch]:
        """Return batches of masked text."""
        epoch = self._epoch(self.shown_to, self.shards, batch_tokens, derive_seed(self.seed, "calibration"), 0)
        return [epoch[number].to(self.device) for number in range(min(num_batches, len(epoch)))]

    @torch.no_grad()
    def score(self, subject: Subject) -> float:
        """Return minus the loss on held-out text, the same masks for every model of one vocabulary."""
        subject.network.eval()
        goal, found = subject.goal, HeldOutSums()
        assert isinstance(goal, MaskedWords)
        for batch in self._held_out(subject):
            goal.objective.answer(subject.network, batch, found)
        return -found.summary()["heldout_mlm_loss"]

    def examples(self) -> list[Example]:
        """Return none: text has no rows."""
        return []

    def with_examples(self, examples: list[Example]) -> Bench:
        """Refuse: text has no rows."""
        raise UserError(
            "Augmentation is for the rows of a task, and this is a pretrained encoder. Leave augmentation out."
        )

    def token_counts(self) -> Tensor:
        """Return how often each token occurs in the text."""
        return counts_for(self.shown_to.tokenizer, self.shards)

    def heldout_token_counts(self) -> Tensor:
        """Return how often each token occurs in the held-out text."""
        return counts_for(self.shown_to.tokenizer, TokenShards.open(self.shards.folder, "heldout", check=False))

    def _held_out(self, subject: Subject) -> Iterator[PretrainingBatch]:
        shards = TokenShards.open(self.shards.folder, "heldout")
        goal = subject.goal
        assert isinstance(goal, MaskedWords)
        theirs, ours = Tokenizer.open(shards.tokenizer_folder), subject.tokenizer
        new_ids = None if ours.tokens == theirs.tokens else _new_ids(theirs, ours)
        for batch in held_out_batches(goal.objective, shards, theirs.special, self.heldout_tokens):
            yield (batch if new_ids is None else _renumbered(batch, new_ids)).to(self.device)

    def _epoch(self, subject: Subject, shards: TokenShards, batch_tokens: int, seed: int, epoch: int) -> Ordered:
        assert isinstance(subject.goal, MaskedWords)
        theirs = Tokenizer.open(shards.tokenizer_folder)
        found = EpochOfBatches(subject.goal.objective, shards, theirs.special, batch_tokens, seed, epoch)
        ours = subject.tokenizer
        return found if ours.tokens == theirs.tokens else _InFewerTokens(found, theirs, ours)


class _InFewerTokens:
    """Batches in the vocabulary that pruning has left: tokens that are no longer there become the unknown one."""

    def __init__(self, batches: EpochOfBatches, old: Tokenizer, new: Tokenizer) -> None:
        self.batches, self.new_ids = batches, _new_ids(old, new)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> PretrainingBatch:
        return _renumbered(self.batches[number], self.new_ids)


def _renumbered(batch: PretrainingBatch, new_ids: Tensor) -> PretrainingBatch:
    packed = replace(batch.packed, ids=new_ids[batch.packed.ids])
    return replace(batch, packed=packed, targets=new_ids[batch.targets])


def counts_for(tokenizer: Tokenizer, shards: TokenShards) -> Tensor:
    """Return int64 [tokens of the tokenizer]: how often each occurs in shards, whose vocabulary may have more."""
    new_ids = _new_ids(Tokenizer.open(shards.tokenizer_folder), tokenizer)
    counts = torch.from_numpy(token_counts(shards, about=shards.num_tokens))
    return torch.zeros(len(tokenizer.tokens), dtype=torch.int64).index_add_(0, new_ids, counts)


def _new_ids(old: Tokenizer, new: Tokenizer) -> Tensor:
    """Return for each old id that of the same token, or of the unknown one."""
    number = {token: i for i, token in enumerate(new.tokens)}
    return torch.tensor([number.get(token, new.unk_id) for token in old.tokens])
