"""A student that thinks as its teacher does, layer by layer, before it answers like it (Jiao et al., 2020)."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from mamebert.checkpoints.model_folder import model_folder
from mamebert.compression.contract import Bench, Subject
from mamebert.compression.distillation.augmentation import Augmentation
from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.distillation.layerwise import (
    layer_map,
    projection,
    require_comparable,
    same_attention,
    same_hidden,
)
from mamebert.compression.distillation.students import (
    depth_of_student,
    open_student,
    require_same_inputs,
    require_same_vocabulary,
    shape_in,
    with_note,
)
from mamebert.compression.goals import TaskGoal
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.layers import keep_layers, shape_of_layers
from mamebert.config import RunPath, build
from mamebert.encoder.carry_over import nearest_of_kind
from mamebert.encoder.settings import EncoderConfig
from mamebert.progress import say
from mamebert.training.settings import Training


class Tinybert(Compressor):
    """A smaller student learns the teacher's embeddings, attention scores and hidden states, then its answers.

    Layer m of M learns from layer m N / M of N; one learnt matrix widens all hidden states of the student. A pretrained
    encoder gives a general student, which has learnt to think and not to guess words; it is the `start` of students
    for tasks. A fine-tuned model gives a student for its task, in two stages.
    """

    paper: ClassVar[Paper] = Paper("Jiao et al., 2020", "TinyBERT of 4 layers: 7.5 times smaller, 9.4 times faster")
    num_hidden_layers: int = Field(default=0, ge=0)
    """Layers of the student. 0 is half, or, after another method in a chain, what that has left."""
    hidden_size: int = Field(default=0, ge=0)
    """Width of the student's token vectors, a multiple of the teacher's attention heads (the paper: 312 of 768). With 0
    the student begins with layers of its teacher and their width; any other begins at random, or from `start`."""
    intermediate_size: int = Field(default=0, ge=0)
    """Width inside the feed-forward block of a student with a hidden_size (the paper: 1200); 0 is four times that."""
    start: RunPath | None = None
    """A general student that this method made of the pretrained encoder: what a student for a task begins with."""
    augmentation: Augmentation | None = None
    """How training rows are multiplied; unset, they are not."""
    prediction_weight: float = Field(default=0.0, ge=0)
    """Weight of the teacher's probabilities of masked words while a general student learns. The paper has 0: that
    student guesses no words."""
    intermediate: Training = Training(
        epochs=10, batch_tokens=2048, peak_lr=5e-4, schedule="warmup_stable_decay", warmup_rate=0.1
    )
    """The stage in which the student learns to think; the only one of a general student."""
    prediction: Training = Training(epochs=3, batch_tokens=2048, peak_lr=2e-4, warmup_rate=0.1)
    """The stage in which it learns to answer. Where answers are no classes, it learns from the right ones."""

    @model_validator(mode="after")
    def _a_start_has_its_shape(self) -> Self:
        if self.start and (self.num_hidden_layers or self.hidden_size or self.intermediate_size):
            raise ValueError("A student that begins with `start` has its shape. Leave the sizes out, or start.")
        if self.intermediate_size and not self.hidden_size:
            raise ValueError("intermediate_size goes with hidden_size. Give both, or none.")
        return self

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig | None:
        """Return the student's shape; one that cannot be compared with its teacher's is a UserError."""
        student = self._shape(shape, teacher)
        if student is not None:
            require_comparable(student, teacher)
        return student

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse a student that cannot be compared with its teacher, and augmentation of what are no texts."""
        super().check(subject, bench)
        require_same_inputs(subject, bench.teacher)
        if self.start:
            require_same_vocabulary(model_folder(self.start), bench.teacher)
        if self.augmentation:
            self.augmentation.check(bench)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the student."""
        teacher, student = bench.teacher, self._student(subject, bench.teacher)
        layers = layer_map(student.bert.config.num_hidden_layers, teacher.bert.config.num_hidden_layers)
        widen = projection(student.bert.config.hidden_size, teacher.bert.config.hidden_size)
        terms = [same_hidden(layers, widen), same_attention(layers)]
        student = with_note(student, layer_map=layers)
        if not isinstance(student.goal, TaskGoal):
            general = Distiller(teacher, student, [*terms, soft_targets(self.prediction_weight)])
            bench.learn(student, self.intermediate, general.loss, widen, choose_best=False)
            return student
        if self.augmentation:
            rows = self.augmentation.augment(bench)
            say(f"Augmentation: {len(bench.examples()):,} training rows became {len(rows):,}.")
            student, bench = with_note(student, augmented_rows=len(rows)), bench.with_examples(rows)
        bench.learn(student, self.intermediate, Distiller(teacher, student, terms).loss, widen, choose_best=False)
        answers = soft_targets(1.0) if student.goal.scores_classes else right_answers(1.0)
        bench.learn(student, self.prediction, Distiller(teacher, student, [answers]).loss)
        return student

    def _shape(self, model: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig | None:
        """Return the student's shape; one that cannot be is a UserError, one that is still to be made None."""
        if self.start:
            return shape_in(self.start)
        depth = depth_of_student(model, teacher, self.num_hidden_layers)
        shallow = shape_of_layers(model, _spread(depth, model))
        if not self.hidden_size:
            return shallow
        widths = {"hidden_size": self.hidden_size, "intermediate_size": self.intermediate_size}
        own = {"head_size": 0, "layer_widths": [], "shared": "none", "num_hidden_groups": 1}
        return build(EncoderConfig, {**shallow.model_dump(), **widths, **own})

    def _student(self, subject: Subject, teacher: Subject) -> Subject:
        if self.start:
            return with_note(open_student(self.start, teacher), **subject.notes, start=str(self.start))
        model = subject.bert.config
        shape = self._shape(model, teacher.bert.config)
        assert shape is not None  # `check` has opened what there is to start from
        if not self.hidden_size:
            return keep_layers(subject, _spread(shape.num_hidden_layers, model))
        network = subject.goal.network(shape, subject.bert.vocab_size).to(subject.bert.device)
        return Subject(network, subject.goal, subject.folder, dict(subject.notes))


def _spread(number: int, model: EncoderConfig) -> list[int]:
    """Return which layers, counted from 0, a student of so many begins with: those that it learns from.

    Where layers are of several kinds, the nearest one of the kind that stands in the place.
    """
    return [
        nearest_of_kind(model, place, layer - 1)
        for place, layer in enumerate(layer_map(number, model.num_hidden_layers)[1:])
    ]
