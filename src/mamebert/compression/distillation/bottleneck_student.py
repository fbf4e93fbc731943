"""A student with bottlenecks, whose body is as wide as its teacher's (MobileBERT; Sun et al., 2020)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mamebert.compression.contract import Subject
from mamebert.config import build
from mamebert.encoder.model import Encoder
from mamebert.encoder.settings import EncoderConfig

LAYERS = "bert.encoder.layer."
WORDS = "bert.embeddings.word_embeddings.weight"


def student_shape(teacher: EncoderConfig, sizes: Mapping[str, Any]) -> EncoderConfig:
    """Return the shape of a student; `sizes` are the settings in which it is not as its teacher.

    Sizes of 0 follow from the body: inside a layer a quarter of it, in whole heads; the token table a quarter; the
    feed-forward blocks four times the width inside a layer. One that cannot be is a UserError.
    """
    body, heads = teacher.hidden_size, teacher.heads_by_layer[0]
    narrow = sizes["intra_bottleneck_size"] or heads * max(1, body // 4 // heads)
    inside = {
        "intra_bottleneck_size": narrow,
        "num_feedforward_networks": sizes["num_feedforward_networks"],
        "normalization_type": sizes["normalization_type"],
        "classifier_activation": teacher.bottleneck.classifier_activation if teacher.bottleneck else True,
    }
    same = ("max_position_embeddings", "pad_token_id", "layer_norm_eps", "initializer_range", "num_hidden_layers")
    shape = {
        **{name: getattr(teacher, name) for name in same},
        "hidden_size": body,
        "num_attention_heads": heads,
        "type_vocab_size": teacher.type_vocab_size or 2,
        "hidden_dropout_prob": 0.0,
        "embedding_size": sizes["embedding_size"] or max(1, body // 4),
        "intermediate_size": sizes["intermediate_size"] or 4 * narrow,
        "hidden_act": sizes["hidden_act"],
        "bottleneck": inside,
    }
    return build(EncoderConfig, shape)


def make_student(teacher: Subject, shape: EncoderConfig) -> Subject:
    """Return a student whose weights are new, for the same goal."""
    network = teacher.goal.network(shape, teacher.bert.vocab_size).to(teacher.bert.device)
    return replace(teacher, network=network, notes={})


@torch.no_grad()
def start_from(teacher: Subject, student: Subject) -> None:
    """Give the student the teacher's embeddings and head, as far as they fit; its layers stay as they are.

    What has the same name and shape is copied, as MobileBERT takes embeddings and classifier from IB-BERT. A token
    table of another width becomes the best approximation of that rank to the teacher's, and a shift and factor without
    statistics begin as what LayerNorm does to an average token.
    """
    stored = dict(teacher.network.named_parameters())
    for name, parameter in student.network.named_parameters():
        value = stored.get(name)
        if value is not None and value.shape == parameter.shape and not name.startswith(LAYERS):
            parameter.copy_(value)
    ours, theirs = student.bert.embeddings, teacher.bert.embeddings
    if teacher.bert.config.bottleneck:
        return
    table = theirs.word_embeddings.weight
    if theirs.projection:
        table = table @ theirs.projection.weight.T
    narrow, widen = factorised(table, ours.word_embeddings.embedding_dim)
    narrow[ours.word_embeddings.padding_idx] = 0
    ours.word_embeddings.weight.copy_(narrow)
    middle = ours.embedding_transformation
    middle.weight.zero_()
    first = narrow.shape[1] if ours.trigram else 0
    middle.weight[:, first : first + narrow.shape[1]] = widen
    _scale_like_layer_norm(ours.LayerNorm, teacher.bert)


def factorised(table: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return [vocabulary, size] and [width, size] whose product is the nearest of that rank to a table.

    `table` is [vocabulary, width]. The second has orthonormal columns (Eckart and Young, 1936); where `size` is more
    than the width, the further columns of both are zero.
    """
    wide = table.double()
    _, vectors = torch.linalg.eigh(wide.T @ wide)
    basis = vectors.flip(1)[:, :size]
    basis = torch.nn.functional.pad(basis, (0, size - basis.shape[1]))
    return (wide @ basis).to(table), basis.to(table)


def _scale_like_layer_norm(norm: nn.Module, teacher: Encoder) -> None:
    embeddings = teacher.embeddings
    if isinstance(norm, nn.LayerNorm) or embeddings.projection:
        return
    sums = embeddings.word_embeddings.weight + embeddings.position_embeddings.weight.mean(0)
    deviation = sums.std(-1, correction=0).mean()
    factor, shift = norm.weight, norm.bias
    assert isinstance(factor, nn.Parameter)
    assert isinstance(shift, nn.Parameter)
    factor.copy_(embeddings.LayerNorm.weight / deviation)
    shift.copy_(embeddings.LayerNorm.bias)
