"""Narrow layers within the teacher's body, taught one after the other (Sun et al., 2020)."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.distillation.bottleneck_student import LAYERS, make_student, start_from, student_shape
from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.distillation.layer_transfer import LayerTransfer, TransferWeights, normalised_mse
from mamebert.compression.methods import Compressor, Paper
from mamebert.encoder.norms import NormKind
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.settings import Training

CALIBRATION_BATCHES = 4
SIZES = (
    "intra_bottleneck_size",
    "embedding_size",
    "intermediate_size",
    "num_feedforward_networks",
    "normalization_type",
    "hidden_act",
)
"""Settings that make the student's shape."""


class Mobilebert(Compressor):
    """Give each layer a bottleneck and teach the layers from the lowest up, then all of them to answer.

    Any BERT can be the teacher: the model as it comes, of which the student keeps the width of the body, the number of
    layers and the heads. (The paper's is IB-BERT, which `pretrain` makes with encoder.bottleneck.) The result is a
    MobileBertForMaskedLM, a MobileBertForSequenceClassification and so on.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper(
        "Sun et al., 2020",
        "4.3 times smaller and 5.5 times faster than BERT-base: GLUE 77.7 (0.6 less), SQuAD 90.0 F1 (1.5 more)",
    )
    hidden_size: int = Field(default=0, ge=0)
    """Width of the body, which has to be the teacher's, so that hidden states can be compared. 0 takes that."""
    intra_bottleneck_size: int = Field(default=0, ge=0)
    """Width inside a layer; 0 takes a quarter of the body, as MobileBERT's 128 of 512."""
    embedding_size: int = Field(default=0, ge=0)
    """Width of the token table; 0 takes a quarter of the body."""
    intermediate_size: int = Field(default=0, ge=0)
    """Width inside the feed-forward blocks; 0 takes four times intra_bottleneck_size."""
    num_feedforward_networks: int = Field(default=4, ge=1)
    """Feed-forward blocks in a layer."""
    normalization_type: NormKind = "no_norm"
    """no_norm has a factor and a shift in the places of LayerNorm, which is faster on small devices."""
    hidden_act: Literal["relu", "gelu"] = "relu"
    """Activation of the feed-forward blocks."""
    start: Literal["teacher", "random"] = "teacher"
    """Take embeddings and head from the teacher, a wider token table as its best approximation; or draw them anew."""
    lower_rate: float = Field(default=0.0, ge=0, le=1)
    """Learning rate of the layers that are done, as a share of that of the layer whose turn it is. 0 freezes them, as
    the released code does; the paper's softer way is 0.1."""
    weights: TransferWeights = TransferWeights()
    """How much the terms count by which a layer is taught."""
    answers_weight: float = Field(default=0.5, ge=0, le=1)
    """Share of the right answers in what is learnt at the end; the rest are the teacher's probabilities."""
    transfer: Training = Training(epochs=1, batch_tokens=2048, peak_lr=1.5e-3)
    """How each layer is taught, the lowest together with the embeddings; not all of them together."""
    training: Training = Training(epochs=3, batch_tokens=2048, peak_lr=5e-4)
    """How the student learns to answer, after all layers are taught."""

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the student's shape; one that no layer can be compared in with the model's is a UserError."""
        teacher = shape  # the model as it comes, and not as it was before the chain
        if self.hidden_size and self.hidden_size != teacher.hidden_size:
            raise UserError(
                f"The student's body is to be {self.hidden_size} wide and its teacher's is {teacher.hidden_size}, so "
                "that their hidden states cannot be compared. Leave hidden_size out, or give a teacher of width "
                f"{self.hidden_size}."
            )
        if len(set(teacher.heads_by_layer)) > 1:
            raise UserError(
                "The layers of the teacher have different numbers of heads, and those of a MobileBERT have one. "
                "Give a teacher whose heads were not pruned."
            )
        return self._shape(teacher)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the student."""
        teacher, student = subject, make_student(subject, self._shape(subject.bert.config))
        teacher.network.eval().requires_grad_(False)
        if self.start == "teacher":
            start_from(teacher, student)
        for number in range(student.bert.config.num_hidden_layers):
            factors = open_phase(student.network, number, self.lower_rate)
            loss = LayerTransfer(teacher.bert, student.bert, number, self.weights).loss
            bench.learn(student, self.transfer, loss, choose_best=False, lr_factors=factors)
        student.network.requires_grad_(True)
        student.notes |= {
            "shape": student.bert.config.model_dump(),
            "gaps_after_transfer": self._gaps(teacher, student, bench),
        }
        terms = [right_answers(self.answers_weight), soft_targets(1 - self.answers_weight)]
        bench.learn(student, self.training, Distiller(teacher, student, terms).loss)
        clear_padding(student.bert.embeddings.word_embeddings)
        return student

    def _shape(self, teacher: EncoderConfig) -> EncoderConfig:
        return student_shape(teacher, {name: getattr(self, name) for name in SIZES})

    @torch.no_grad()
    def _gaps(self, teacher: Subject, student: Subject, bench: Bench) -> list[float]:
        """Return how far each layer's normalised hidden states are from the teacher's, on some training data."""
        student.network.eval()
        found = []
        for batch in bench.batches(CALIBRATION_BATCHES):
            states = zip(*(each.bert.hidden_states(batch.packed) for each in (student, teacher)), strict=True)
            found.append([float(normalised_mse(*pair)) for pair in states][1:])
        return [round(sum(layer) / len(found), 4) for layer in zip(*found, strict=True)]


def open_phase(network: nn.Module, number: int, lower_rate: float) -> dict[str, float]:
    """Let one layer of a network learn, and with it what lies below at so many times its rate; all else is frozen.

    The embeddings belong to layer 0. Returns the learning rates, as shares of the highest, by parameter name.
    """
    factors = {}
    for name, parameter in network.named_parameters():
        layer = _layer_of(name)
        factor = 0.0 if layer is None or layer > number else 1.0 if layer == number else lower_rate
        parameter.requires_grad_(factor > 0)
        if 0 < factor < 1:
            factors[name] = factor
    return factors


@torch.no_grad()
def clear_padding(words: nn.Embedding) -> None:
    """Set the padding row to 0, which as part of the output matrix has learnt.

    In padded batches plain transformers shows it to the last token of a text, as the next one.
    """
    words.weight[words.padding_idx] = 0


def _layer_of(name: str) -> int | None:
    if name.startswith(LAYERS):
        return int(name.removeprefix(LAYERS).partition(".")[0])
    return 0 if name.startswith("bert.embeddings.") else None
