"""ONE distiller: teacher and student read the same batch, and terms say what the student is to take over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from mamebert.compression.contract import Subject
from mamebert.compression.distillation.losses import cosine_loss, outputs_mse, soft_cross_entropy
from mamebert.encoder.trace import ForwardTrace, Padded
from mamebert.tasks.data.features import Features, TaskBatch
from mamebert.training.loop import Losses


@dataclass
class Pass:
    """What one network shows of one batch."""

    subject: Subject
    batch: Any
    states: list[Tensor]
    """num_hidden_layers + 1 of [tokens, hidden_size]."""
    inside: ForwardTrace | None = None
    """Attention and all else, where a term reads it; in padded form."""

    @cached_property
    def outputs(self) -> Tensor:
        """What follows from the states: [rows, classes]."""
        return self.subject.goal.conclude(self.subject.network, self.batch, self.states)


class Term(NamedTuple):
    """One part of the loss."""

    name: str
    weight: float
    compare: Callable[[Pass, Pass], Tensor]
    """From what student and teacher show to a loss, a mean over the batch."""
    reads: Literal["nothing", "outputs", "states", "inside"] = "outputs"
    """What of the teacher it reads; all of the student is there, its inside where a term reads the teacher's."""


class Distiller:
    """A loss by what a teacher shows. The teacher stays as it is: no gradients, no dropout."""

    def __init__(self, teacher: Subject, student: Subject, terms: Sequence[Term]) -> None:
        self.teacher, self.student = teacher, student
        self.terms = [term for term in terms if term.weight]
        self._names = _told_apart([term.name for term in self.terms])
        self._read = {term.reads for term in self.terms} - {"nothing"}
        self._memory = _Memory()

    def loss(self, batch: Any) -> Losses:
        """Return the weighted sum of the terms, and each term without its weight; for `Bench.learn`."""
        student = self._show(self.student, batch)
        shape = student.outputs.shape if "outputs" in self._read else None
        teacher = self._taught(batch, shape)
        values = [term.compare(student, teacher) for term in self.terms]
        total = torch.stack([term.weight * value for term, value in zip(self.terms, values, strict=True)]).sum()
        return Losses(total, {name: value.detach() for name, value in zip(self._names, values, strict=True)})

    @torch.no_grad()
    def _taught(self, batch: Any, shape: torch.Size | None) -> Pass:
        """Return what the teacher shows; `shape` is that of its outputs, where they are read.

        Where nothing else is read, the teacher reads each row of a task once.
        """
        self.teacher.network.eval()
        known = Pass(self.teacher, batch, [])
        if not self._read:
            return known
        remembered = self._memory.recall(batch, shape) if shape and self._read == {"outputs"} else None
        if remembered is not None:
            known.outputs = remembered
            return known
        taught = self._show(self.teacher, batch)
        if shape:
            self._memory.keep(batch, taught.outputs)
        return taught

    def _show(self, subject: Subject, batch: Any) -> Pass:
        bert = subject.bert
        if "inside" not in self._read:
            return Pass(subject, batch, list(bert.hidden_states(batch.packed)))
        seen = bert.trace(Padded.of(batch.packed), bert.gates)
        return Pass(subject, batch, [seen.packed(hidden) for hidden in seen.hidden], seen)


def _told_apart(names: Sequence[str]) -> list[str]:
    """Return the names, each but the first of its kind with a number: a, b, a gives a, b, a_2."""
    numbers = [names[:place].count(name) + 1 for place, name in enumerate(names)]
    return [name if number == 1 else f"{name}_{number}" for name, number in zip(names, numbers, strict=True)]


class _Memory:
    """Outputs for examples: those of a task come again in every epoch, and the teacher says the same of them."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Features, Tensor]] = {}

    def keep(self, batch: Any, outputs: Tensor) -> None:
        """Keep the outputs of a batch where each of its examples has one row of them."""
        if _one_row_each(batch, len(outputs)):
            # The features are kept as well, so that no other object gets their id.
            self._kept |= {id(each): (each, row) for each, row in zip(batch.features, outputs, strict=True)}

    def recall(self, batch: Any, shape: torch.Size) -> Tensor | None:
        """Return what was kept for a batch; None where an example is new, or where it had another number of outputs."""
        if not _one_row_each(batch, shape[0]) or not all(id(each) in self._kept for each in batch.features):
            return None
        rows = [self._kept[id(each)][1] for each in batch.features]
        return torch.stack(rows) if all(row.shape == shape[1:] for row in rows) else None


def _one_row_each(batch: Any, num_rows: int) -> bool:
    if not isinstance(batch, TaskBatch) or num_rows != len(batch.features):
        return False
    # As many reads as examples may be chance, where some have none and others several.
    return len(batch.places) != num_rows or set(batch.counts) == {1}


def right_answers(weight: float, name: str = "right_answers") -> Term:
    """Return the goal's own loss as a term."""

    def compare(student: Pass, teacher: Pass) -> Tensor:
        goal = student.subject.goal
        return goal.loss_from(student.subject.network, student.batch, student.states).total

    return Term(name, weight, compare, "nothing")


def soft_targets(weight: float, temperature: float = 1.0, name: str = "soft_targets") -> Term:
    """Return Hinton's term: the teacher's probabilities at a temperature.

    They are those of the goal's own loss: of classes, of the tokens where an answer begins and ends, of choices, of yes
    and no. Outputs that are numbers of their own (a score, a vector) should be the teacher's: a mean squared
    difference.
    """

    def compare(student: Pass, teacher: Pass) -> Tensor:
        goal = student.subject.goal
        if goal.scores_classes:
            found, wanted = (goal.alternatives(each.outputs, student.batch) for each in (student, teacher))
            return soft_cross_entropy(found, wanted, temperature)
        return outputs_mse(student.outputs, teacher.outputs)

    return Term(name, weight, compare)


def same_direction(weight: float, name: str = "cosine") -> Term:
    """Return 1 - cosine of the last hidden states as a term."""
    return Term(name, weight, lambda student, teacher: cosine_loss(student.states[-1], teacher.states[-1]), "states")
