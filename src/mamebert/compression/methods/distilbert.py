"""Half the layers, taken from the teacher and taught by it (Sanh et al., 2019)."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mamebert.compression.contract import Bench, Loss, Subject
from mamebert.compression.distillation.distiller import (
    Distiller,
    Pass,
    Term,
    right_answers,
    same_direction,
    soft_targets,
)
from mamebert.compression.distillation.losses import soft_cross_entropy
from mamebert.compression.distillation.rare_word_masks import RareWordMasks
from mamebert.compression.distillation.students import LayerChoice, layers_to_keep, require_same_inputs, with_note
from mamebert.compression.goals import MaskedWords
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.layers import keep_layers, shape_of_layers
from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.training.settings import Training

ROWS_AT_ONCE = 512
"""Tokens whose scores of the whole vocabulary are kept at a time."""


class Distilbert(Compressor):
    """Keep every second layer, without segments and pooler, and learn 5 soft targets + 2 right answers + 1 cosine.

    A pretrained encoder becomes a DistilBertForMaskedLM, a fine-tuned model a DistilBertForSequenceClassification or
    what else DistilBERT has for the task. Which of two texts a token belongs to is lost, as in DistilBERT. The pooler
    goes on as the dense layer of DistilBERT's head, with ReLU in place of tanh.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper(
        "Sanh et al., 2019",
        "40 % smaller, 60 % faster, 97 % of GLUE; updated macro 77.0 of 79.5, SQuAD 86.9 of 88.5 F1",
    )
    layers: int = Field(default=0, ge=0)
    """How many layers the student keeps. 0 keeps half, or, after another method in a chain, what that has left."""
    layer_choice: LayerChoice = "released"
    """Which: as the released DistilBERT, which has first and last (0, 2, 4, 7, 9, 11 of 12); every k-th from the first,
    as the paper tells; or a list, counted from 0."""
    temperature: float = Field(default=2.0, gt=0)
    """Above 1, the teacher's second choices count for more."""
    soft_weight: float = Field(default=5.0, ge=0)
    """Weight of the teacher's probabilities in the loss."""
    answers_weight: float = Field(default=2.0, ge=0)
    """Weight of the right answers: masked words, or the task's."""
    cosine_weight: float = Field(default=1.0, ge=0)
    """Weight of 1 - cosine between the last hidden states."""
    soft_tokens: Literal["every", "masked"] = "every"
    """Of which tokens a pretrained student learns the teacher's probabilities: of every one, or of those that are
    masked, a seventh, which with a large vocabulary saves most of the time."""
    mask_power: float = Field(default=0.7, ge=0)
    """Tokens are masked with a weight of count^-mask_power, so that rare ones are asked for; 0 asks for all alike."""
    training: Training = Training(epochs=3, batch_tokens=2048, peak_lr=5e-4, warmup_rate=0.05, clip_norm=5.0)
    """How the student learns."""

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the student's shape; layers that are not there, or no BERT's, are a UserError."""
        kept = layers_to_keep(shape, teacher, self.layer_choice, self.layers)
        return shape_without_segments(shape_of_layers(shape, kept))

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse another vocabulary than the teacher's, and layers that are not there."""
        super().check(subject, bench)
        require_same_inputs(subject, bench.teacher)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the student."""
        shapes = subject.bert.config, bench.teacher.bert.config
        kept = layers_to_keep(*shapes, self.layer_choice, self.layers)
        student = with_note(without_segments(keep_layers(subject, kept)), layers_kept=kept)
        every = self.soft_tokens == "every" and isinstance(student.goal, MaskedWords)
        soft = (
            soft_words(self.soft_weight, self.temperature)
            if every
            else soft_targets(self.soft_weight, self.temperature)
        )
        terms = [soft, right_answers(self.answers_weight), same_direction(self.cosine_weight)]
        loss = Distiller(bench.teacher, student, terms).loss
        bench.learn(student, self.training, loss=self._masked_anew(loss, student, bench))
        return student

    def _masked_anew(self, loss: Loss, student: Subject, bench: Bench) -> Loss:
        goal = student.goal
        if not (self.mask_power and isinstance(goal, MaskedWords)):
            return loss
        masks = RareWordMasks(bench.token_counts(), student.tokenizer, self.mask_power, goal.objective.mask_token_rate)
        return lambda batch: loss(masks(batch))


@torch.no_grad()
def without_segments(subject: Subject) -> Subject:
    """Return a subject whose encoder knows no segments, with the pooler of DistilBERT.

    Every position takes over what segment 0 added to it, so that hidden states of single texts do not change.
    """
    embeddings, config = subject.bert.embeddings, subject.bert.config
    network = subject.goal.network(shape_without_segments(config), subject.bert.vocab_size)
    stored = subject.network.state_dict()
    network.load_state_dict({name: stored.get(name, new) for name, new in network.state_dict().items()})
    if config.type_vocab_size:
        network.bert.embeddings.position_embeddings.weight += embeddings.token_type_embeddings.weight[0]
    network.to(subject.bert.device)
    network.bert.compute_dtype = subject.bert.compute_dtype
    return replace(subject, network=network)


def shape_without_segments(config: EncoderConfig) -> EncoderConfig:
    """Return the shape of a DistilBERT; a UserError where layers are no BERT's (MobileBERT)."""
    return build(EncoderConfig, {**config.model_dump(), "type_vocab_size": 0, "pooler_act": "relu", "head": "pooler"})


def soft_words(weight: float, temperature: float, name: str = "soft_targets") -> Term:
    """Return the term of the teacher's probabilities for every token, masked or not, of pretraining networks.

    Scores of the vocabulary are made for some hundred tokens at a time, and again for the gradient.
    """

    def compare(student: Pass, teacher: Pass) -> Tensor:
        heads = (student.subject.network.cls.predictions, teacher.subject.network.cls.predictions)
        found = zip(student.states[-1].split(ROWS_AT_ONCE), teacher.states[-1].split(ROWS_AT_ONCE), strict=True)
        sums = [
            checkpoint(_soft_sum, *heads, *rows, temperature, use_reentrant=False, preserve_rng_state=False)
            for rows in found
        ]
        return torch.stack(sums).sum() / len(student.states[-1])

    return Term(name, weight, compare, "states")


def _soft_sum(
    student_head: Callable[[Tensor], Tensor],
    teacher_head: Callable[[Tensor], Tensor],
    student: Tensor,
    teacher: Tensor,
    temperature: float,
) -> Tensor:
    with torch.no_grad():
        wanted = teacher_head(teacher)
    return soft_cross_entropy(student_head(student), wanted, temperature) * len(student)
