"""Layer by layer distillation (TinyBERT; Jiao et al., 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mamebert.compression.distillation.distiller import Pass, Term
from mamebert.compression.distillation.losses import attention_scores_mse, hidden_mse
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError


def layer_map(student: int, teacher: int) -> list[int]:
    """Return g(0) to g(student): the teacher's layer, counted from 1, that each of the student's learns from.

    g(m) = m * teacher / student, rounded down; 0 stands for the embeddings.
    """
    return [m * teacher // student for m in range(student + 1)]


def projection(student: int, teacher: int) -> nn.Linear:
    """Return the matrix that brings hidden states of the student's width to the teacher's: one for all layers.

    It begins as the identity where the widths are equal, else with orthogonal columns.
    """
    widen = nn.Linear(student, teacher)
    nn.init.zeros_(widen.bias)
    if student == teacher:
        nn.init.eye_(widen.weight)
    else:
        nn.init.orthogonal_(widen.weight)
    return widen


def same_hidden(layers: Sequence[int], widen: nn.Module, weight: float = 1.0) -> Term:
    """Return as a term the squared differences of embeddings and hidden states, summed over the student's layers."""

    def compare(student: Pass, teacher: Pass) -> Tensor:
        pairs = zip(student.states, (teacher.states[layer] for layer in layers), strict=True)
        return torch.stack([hidden_mse(found, wanted, widen) for found, wanted in pairs]).sum()

    return Term("hidden", weight, compare, "states")


def same_attention(layers: Sequence[int], weight: float = 1.0) -> Term:
    """Return as a term the squared differences of attention scores, summed over the student's layers."""

    def compare(student: Pass, teacher: Pass) -> Tensor:
        assert student.inside
        assert teacher.inside
        scores, visible = teacher.inside.scores, student.inside.batch.visible
        pairs = zip(student.inside.scores, (scores[layer - 1] for layer in layers[1:]), strict=True)
        return torch.stack([attention_scores_mse(found, wanted, visible) for found, wanted in pairs]).sum()

    return Term("attention", weight, compare, "inside")


def require_comparable(student: EncoderConfig, teacher: EncoderConfig) -> None:
    """Raise a UserError unless every layer of the student has the heads of the teacher's that it learns from."""
    if student.num_hidden_layers > teacher.num_hidden_layers:
        raise UserError(
            f"The student has {student.num_hidden_layers} layers and its teacher {teacher.num_hidden_layers}. "
            "Give a student with as many or fewer."
        )
    layers = layer_map(student.num_hidden_layers, teacher.num_hidden_layers)
    for number, layer in enumerate(layers[1:]):
        found, wanted = student.heads_by_layer[number], teacher.heads_by_layer[layer - 1]
        if found != wanted:
            raise UserError(
                f"Layer {number + 1} of the student has {found} attention heads and layer {layer} of the teacher, "
                f"which it learns from, has {wanted}. Give a student with the teacher's heads; prune them afterwards."
            )
