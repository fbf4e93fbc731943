"""Copy the teacher's answers, doubts included (Hinton, Vinyals and Dean, 2015)."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from mamebert.checkpoints.model_folder import model_folder
from mamebert.compression.contract import Bench, Subject
from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.distillation.students import (
    LayerChoice,
    layers_to_keep,
    open_student,
    require_same_inputs,
    require_same_vocabulary,
    shape_in,
    with_note,
)
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.layers import keep_layers, shape_of_layers
from mamebert.config import RunPath
from mamebert.encoder.settings import EncoderConfig
from mamebert.training.settings import Training


class Distil(Compressor):
    """Train a smaller student on the teacher's probabilities and on the right answers.

    The loss is alpha T² KL(teacher || student) + (1 - alpha) CE. Outputs that are no scores of classes of which one is
    right (numbers, vectors, several labels at once) are learnt by their squared difference from the teacher's.
    """

    paper: ClassVar[Paper] = Paper(
        "Hinton, Vinyals and Dean, 2015",
        "a small model learns what a large one gives to every answer, the wrong ones too",
    )
    student: RunPath | None = None
    """The folder of a smaller encoder with the vocabulary of the teacher; unset, the student is some of its layers."""
    layers: int = Field(default=0, ge=0)
    """How many layers the student keeps. 0 keeps half, or, after another method in a chain, what that has left."""
    layer_choice: LayerChoice = "every_second"
    """Which: every k-th from the first; as the released DistilBERT, which has first and last; or a list, from 0."""
    temperature: float = Field(default=2.0, gt=0)
    """Above 1, the teacher's second choices count for more."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Share of the teacher in the loss; the right answers have the rest."""
    training: Training = Training(epochs=6, batch_tokens=2048, peak_lr=3e-4)
    """How the student learns."""

    @model_validator(mode="after")
    def _a_student_of_its_own_has_its_own_layers(self) -> Self:
        if self.student and (self.layers or self.layer_choice != "every_second"):
            raise ValueError(
                "layers and layer_choice are of a student cut from its teacher. Leave them out, or student."
            )
        return self

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig | None:
        """Return the student's shape; layers that are not there are a UserError."""
        if self.student:
            return shape_in(self.student)
        return shape_of_layers(shape, layers_to_keep(shape, teacher, self.layer_choice, self.layers))

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse another vocabulary than the teacher's, and layers that are not there."""
        super().check(subject, bench)
        require_same_inputs(subject, bench.teacher)
        if self.student:
            require_same_vocabulary(model_folder(self.student), bench.teacher)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the student."""
        if self.student:
            student = with_note(open_student(self.student, bench.teacher), **subject.notes, student=str(self.student))
        else:
            kept = self._kept(subject, bench)
            student = with_note(keep_layers(subject, kept), layers_kept=kept)
        terms = [soft_targets(self.alpha, self.temperature), right_answers(1 - self.alpha)]
        bench.learn(student, self.training, loss=Distiller(bench.teacher, student, terms).loss)
        return student

    def _kept(self, subject: Subject, bench: Bench) -> list[int]:
        return layers_to_keep(subject.bert.config, bench.teacher.bert.config, self.layer_choice, self.layers)
