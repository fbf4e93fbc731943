"""Remove the heads and the feed-forward neurons that matter least (Michel et al., 2019; Hou et al., 2020)."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.distillation.students import require_same_inputs
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.importance import (
    Importance,
    Measure,
    best_of_all,
    best_of_each,
    evened,
    importance,
    num_kept,
)
from mamebert.compression.pruning.uneven_shapes import keep, require_layers_of_their_own, sized
from mamebert.encoder.settings import EncoderConfig
from mamebert.training.settings import Training

Kept = tuple[list[list[int]], list[list[int]]]


class PruneHeadsAndNeurons(Compressor):
    """Measure what heads and neurons are worth, cut the least, and train what is left.

    Every layer loses the same share, or the network does, wherever it can best. Neurons alone, the same number in every
    layer, leave a plain BERT that is narrower inside; anything else is compact in our own format and, with zeros, dense
    in plain transformers.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper(
        "Michel, Levy and Neubig, 2019; importance of neurons: Hou et al., 2020",
        "many heads can be removed from trained models without harm",
    )
    heads: float = Field(default=0.25, ge=0, lt=1)
    """Share of the heads that goes."""
    neurons: float = Field(default=0.5, ge=0, lt=1)
    """Share of the feed-forward neurons that goes."""
    across: Literal["layer", "network"] = "layer"
    """layer: every layer loses the same share. network: the least important go wherever they are (heads compared by
    their share of their layer's importance, neurons as they are); each layer keeps its best one."""
    by: Measure = "gradient"
    """What says how important a part is: how the loss would change without it, or how long its weights are."""
    calibration_batches: int = Field(default=16, ge=1)
    """Batches of training data on which importance is measured."""
    recover: bool = True
    """Train afterwards, by the right answers and the teacher's."""
    alpha: float = Field(default=0.5, ge=0, le=1)
    """Share of the teacher's answers in the loss of that training."""
    temperature: float = Field(default=2.0, gt=0)
    """Above 1, the teacher's second choices count for more."""
    training: Training = Training(epochs=3, batch_tokens=2048, peak_lr=2e-4)
    """How what stays learns again."""

    @model_validator(mode="after")
    def _something_goes(self) -> Self:
        if not self.heads and not self.neurons:
            raise ValueError("Nothing is to be removed. Give a share of heads or of neurons.")
        return self

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the narrower shape; shares that leave nothing, or take nothing, are a UserError.

        What goes from the whole network goes where it is measured.
        """
        require_layers_of_their_own(shape)
        heads, neurons = shape.heads_by_layer, shape.widths_by_layer
        if self.across == "network":
            num_kept(sum(heads), self.heads, "heads")
            num_kept(sum(neurons), self.neurons, "neurons")
            return shape
        kept_heads = [num_kept(size, self.heads, "heads") for size in heads]
        return sized(shape, kept_heads, [num_kept(size, self.neurons, "neurons") for size in neurons])

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse shares that leave nothing, or take nothing, and layers that cannot be cut."""
        super().check(subject, bench)
        if self.recover and self.alpha:
            require_same_inputs(subject, bench.teacher)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model without them."""
        batches = bench.batches(self.calibration_batches) if self.by == "gradient" else []
        heads, neurons = self.choose(importance(subject, batches, self.by))
        keep(subject.bert, heads, neurons)
        subject.notes |= {"heads_kept": heads, "neurons_kept": [len(each) for each in neurons]}
        if self.recover:
            terms = [soft_targets(self.alpha, self.temperature), right_answers(1 - self.alpha)]
            bench.learn(subject, self.training, loss=Distiller(bench.teacher, subject, terms).loss)
        return subject

    def choose(self, worth: Importance) -> Kept:
        """Return which heads and which neurons of each layer stay, in rising order."""
        if self.across == "network":
            heads = best_of_all(evened(worth.heads), self.heads, "heads")
            return heads, best_of_all(worth.neurons, self.neurons, "neurons")
        heads = best_of_each(worth.heads, self.heads, "heads")
        return heads, best_of_each(worth.neurons, self.neurons, "neurons")
