"""One network that can be run at many widths and depths, and the one of them that is wanted (Hou et al., 2020)."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.distillation.distiller import Pass, soft_targets
from mamebert.compression.distillation.losses import hidden_mse
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.importance import importance, ranked
from mamebert.compression.pruning.layers import shape_of_layers
from mamebert.compression.pruning.supernet import Elastic, Size, extract, first_at, layers_at, states_to_match
from mamebert.compression.pruning.uneven_shapes import keep, require_layers_of_their_own, sized
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.loop import Losses
from mamebert.training.settings import Training

WHOLE = Size(1.0, 1.0)


class Dynabert(Compressor):
    """Let all widths, then all widths and depths, learn at once from the model as it was; keep one of them.

    Heads and neurons are put in the order of their importance first, so that every width has the best ones. The
    gradients of all networks are added up in each step.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper("Hou et al., 2020", "one model, twelve sizes, each as good as one trained alone")
    width: float = Field(default=0.5, gt=0, le=1)
    """Width of the network that comes out: share of the heads and neurons of each layer."""
    depth: float = Field(default=0.75, gt=0, le=1)
    """Its depth: share of the layers."""
    widths: list[float] = Field(default=[0.25, 0.5, 0.75, 1.0], min_length=1)
    """Widths that learn."""
    depths: list[float] = Field(default=[0.5, 0.75, 1.0], min_length=1)
    """Depths that learn."""
    hidden_weight: float = Field(default=0.1, ge=0)
    """How much the squared differences of hidden states count beside the teacher's answers, while widths learn."""
    depth_hidden_weight: float = Field(default=1.0, ge=0)
    """The same while depths learn."""
    calibration_batches: int = Field(default=16, ge=1)
    """Batches of training data on which importance is measured."""
    training: Training = Training(epochs=2, batch_tokens=2048, peak_lr=2e-4)
    """How widths learn."""
    depth_training: Training = Training(epochs=2, batch_tokens=2048, peak_lr=2e-4)
    """How depths learn, where there are several."""
    final_epochs: int = Field(default=0, ge=0)
    """Epochs in which the network that is wanted learns alone in the end, from the right answers."""

    @model_validator(mode="after")
    def _what_is_wanted_learns(self) -> Self:
        for name, wanted, all_of_them in (("width", self.width, self.widths), ("depth", self.depth, self.depths)):
            if wrong := [each for each in all_of_them if not 0 < each <= 1]:
                raise ValueError(f"{name}s cannot hold {wrong[0]:g}. Give shares above 0, up to 1.")
            if wanted not in all_of_them:
                raise ValueError(f"The {name} {wanted:g} is not among {name}s {all_of_them}. Put it in, or choose one.")
        return self

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the shape that comes out; widths or depths that leave no head or layer are a UserError."""
        require_layers_of_their_own(shape)
        for width in self.widths:
            first_at(width, shape)
        for depth in self.depths:
            layers_at(depth, shape.num_hidden_layers)
        shallow = shape_of_layers(shape, layers_at(self.depth, shape.num_hidden_layers))
        return sized(shallow, *(list(map(len, each)) for each in first_at(self.width, shallow)))

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse widths that do not part the heads, depths that leave no layer, and layers that cannot be cut."""
        super().check(subject, bench)
        reader = getattr(subject.network, "reader", None)
        if reader and not reader.last_alone and self.depths != [1.0]:
            raise UserError(
                "The head reads other layers than the last, which networks of other depths do not have. "
                "Set depths=[1.0] and depth=1.0."
            )

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the network of the width and depth that are wanted."""
        teacher = replace(subject, network=deepcopy(subject.network).requires_grad_(False).eval())
        worth = importance(subject, bench.batches(self.calibration_batches))
        keep(subject.bert, ranked(worth.heads), ranked(worth.neurons))
        self._learn_widths(subject, teacher, bench)
        if self.depths != [1.0]:
            self._learn_depths(subject, bench)
        scores = {
            f"{width:g} x {depth:g}": round(bench.score(extract(subject, Size(width, depth))), 6)
            for width in self.widths
            for depth in self.depths
        }
        result = extract(subject, Size(self.width, self.depth))
        if self.final_epochs:
            final = self.training.model_copy(update={"epochs": self.final_epochs, "steps": 0})
            bench.learn(result, final)
        told = {"width": self.width, "depth": self.depth, "valid_by_width_and_depth": scores}
        return replace(result, notes={**subject.notes, **told})

    def _learn_widths(self, subject: Subject, teacher: Subject, bench: Bench) -> None:
        def taught(batch: Any) -> dict[float, list[Tensor]]:
            states = list(teacher.bert.hidden_states(batch.packed))
            return dict.fromkeys(self.widths, states)

        loss = ElasticLoss(subject, teacher, taught, self.widths, [1.0], self.hidden_weight)
        bench.learn(subject, self.training, loss, choose_best=False)

    def _learn_depths(self, subject: Subject, bench: Bench) -> None:
        # Each width is taught by itself as it is now, at full depth (the paper; its code has the whole teach all).
        teacher = replace(subject, network=deepcopy(subject.network).requires_grad_(False).eval())
        elastic = Elastic(teacher)

        def taught(batch: Any) -> dict[float, list[Tensor]]:
            return {width: elastic.states(batch, width, [1.0])[0] for width in self.widths}

        loss = ElasticLoss(subject, teacher, taught, self.widths, self.depths, self.depth_hidden_weight)
        bench.learn(subject, self.depth_training, loss, choose_best=False)


class ElasticLoss:
    """The losses of all networks of some widths and depths, added up."""

    def __init__(
        self,
        student: Subject,
        teacher: Subject,
        taught: Callable[[Any], dict[float, list[Tensor]]],
        widths: list[float],
        depths: list[float],
        hidden_weight: float,
    ) -> None:
        """`taught` gives for a batch the states, at full depth, that each width learns from."""
        self.student, self.teacher, self.taught = student, teacher, taught
        self.widths, self.depths, self.hidden_weight = widths, depths, hidden_weight
        self._elastic, self._soft = Elastic(student), soft_targets(1.0)

    def __call__(self, batch: Any) -> Losses:
        """Return the sum, and both of its terms without their weights."""
        with torch.no_grad():
            wanted = self.taught(batch)
            answers = {width: Pass(self.teacher, batch, states) for width, states in wanted.items()}
            _ = [each.outputs for each in answers.values()]
        soft, hidden = [], []
        for width in self.widths:
            for depth, states in zip(self.depths, self._elastic.states(batch, width, self.depths), strict=True):
                whole = len(wanted[width])
                shown = Pass(self.student, batch, [*states, *[states[-1]] * (whole - len(states))])
                soft.append(self._soft.compare(shown, answers[width]))
                numbers = states_to_match(depth, whole - 1)
                pairs = zip(states, (wanted[width][n] for n in numbers), strict=True)
                hidden.append(torch.stack([hidden_mse(a, b) for a, b in pairs]).sum())
        answers_lost, states_lost = torch.stack(soft).sum(), torch.stack(hidden).sum()
        total = answers_lost + self.hidden_weight * states_lost
        return Losses(total, {"soft_targets": answers_lost.detach(), "hidden": states_lost.detach()})
