"""Let layers share their weights, and make the token table narrow (ALBERT, Lan et al., 2020)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.methods import Compressor, Paper
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.settings import Training

Mode = Literal["none", "all", "groups", "attention", "ffn"]
LAYER = "bert.encoder.layer."
EMBEDDINGS = "bert.embeddings."
TABLES = tuple(f"{EMBEDDINGS}{name}_embeddings.weight" for name in ("word", "position", "token_type"))
NORM = f"{EMBEDDINGS}LayerNorm."
PROJECTION = f"{EMBEDDINGS}projection."
TRANSFORM = "cls.predictions.transform."
OUTPUT = "cls.predictions.decoder.weight"


class Share(Compressor):
    """Make an ALBERT of a model: layers become one, the table the product of two matrices; then train again.

    What is shared is parameters, not work: the model is smaller and about as fast as before.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper(
        "Lan et al., 2020 (ALBERT)", "12M parameters for 108M: 80.1 for 82.3 points, mean of five tasks' dev sets"
    )
    mode: Mode = "all"
    """What layers have in common: everything, everything within each of num_groups runs of layers, the attention, the
    feed-forward block, or nothing. Attention or feed-forward alone are saved as a BERT, with a copy for each layer."""
    num_groups: int = Field(default=1, ge=1)
    """Runs of layers, with mode = "groups"."""
    embedding_size: int = Field(default=0, ge=0)
    """Width of the token table afterwards; 0 leaves it as it is. ALBERT has 128 for every hidden_size."""
    start: Literal["mean", "first"] = "mean"
    """What weights that become one start from: the mean of the layers', or those of the first of them."""
    teach: float = Field(default=0.5, ge=0, le=1)
    """Share in the loss of the model as it was, whose answers the shared one imitates; right answers have the rest."""
    temperature: float = Field(default=2.0, gt=0)
    """Above 1, the second choices of the model as it was count for more."""
    training: Training = Training(epochs=6, batch_tokens=2048, peak_lr=3e-4)
    """How it trains again, which it has to: the mean of layers is no layer."""

    @model_validator(mode="after")
    def _something_is_asked(self) -> Self:
        if self.num_groups > 1 and self.mode != "groups":
            raise ValueError(f"num_groups means nothing with mode={self.mode}. Set mode=groups, or leave it out.")
        if self.mode == "none" and not self.embedding_size:
            raise ValueError("Nothing is shared and the table stays as it is. Choose a mode, or an embedding_size.")
        return self

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the shape that shares; uneven groups, a table that would grow, and unlike layers are a UserError."""
        return self._shape(shape)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with shared weights, trained again."""
        shape = self._shape(subject.bert.config)
        smaller = converted(subject, shape, self.start)
        smaller.notes |= {"shared": self.mode, "groups": shape.num_hidden_groups, "embedding_size": self.embedding_size}
        teacher = bench.teacher
        if self.teach and smaller.bert.vocab_size == teacher.bert.vocab_size:
            terms = [soft_targets(self.teach, self.temperature), right_answers(1 - self.teach)]
            bench.learn(smaller, self.training, loss=Distiller(teacher, smaller, terms).loss)
        else:
            bench.learn(smaller, self.training)
        return smaller

    def _shape(self, old: EncoderConfig) -> EncoderConfig:
        """Return the shape afterwards; one that cannot be is a UserError."""
        if old.shared != "none" or old.bottleneck:
            raise UserError("The model shares weights already, or has bottlenecks. Give an ordinary BERT.")
        layers = old.num_hidden_layers
        if layers % self.num_groups:
            fitting = [str(n) for n in range(1, layers + 1) if layers % n == 0]
            raise UserError(
                f"{layers} layers cannot be split into {self.num_groups} groups of one size. "
                f"Choose num_groups from {', '.join(fitting)}."
            )
        if self.embedding_size >= old.embedding_width:
            raise UserError(
                f"embedding_size {self.embedding_size} does not make a table narrower that is {old.embedding_width} "
                "wide. Choose less."
            )
        groups = self.num_groups if self.mode == "groups" else 1
        changes: dict[str, str | int] = {"shared": self.mode, "num_hidden_groups": groups}
        if self.mode in ("all", "groups") or self.embedding_size:
            changes["head"] = "pooler"  # as the plain classes have it that share, or have a narrow table
        if self.embedding_size:
            changes["embedding_size"] = self.embedding_size
            if self.mode not in ("all", "groups"):
                changes["pooler_act"] = (
                    "gelu"  # ELECTRA, the only plain class with a narrow table and layers of its own
                )
        shape = old.model_copy(update=changes)
        for owners, sizes, what in (
            (shape.attention_owners, shape.heads_by_layer, "heads"),
            (shape.ffn_owners, shape.widths_by_layer, "neurons"),
        ):
            if any(sizes[owner] != size for owner, size in zip(owners, sizes, strict=True)):
                raise UserError(f"Layers that are to share weights have different {what}. Share before pruning them.")
        return shape


def converted(subject: Subject, shape: EncoderConfig, start: Literal["mean", "first"]) -> Subject:
    """Return a subject of another shape, which shares more and has a narrower table, made of the old one's weights."""
    old = dict(subject.network.named_parameters(remove_duplicate=False))
    if shape.embedding_size != subject.bert.config.embedding_size:
        old |= narrowed(old, shape.embedding_size)
    network = subject.goal.network(shape, subject.bert.vocab_size)
    members = {".attention.": shape.attention_owners, ".intermediate.": shape.ffn_owners, ".output.": shape.ffn_owners}
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(_joined(name, old, members, start) if name.startswith(LAYER) else old.get(name, parameter))
        for name, buffer in network.named_buffers():
            buffer.copy_(subject.network.get_buffer(name))
    network.to(subject.bert.device)
    network.bert.compute_dtype = subject.bert.compute_dtype
    return replace(subject, network=network, notes=dict(subject.notes))


def narrowed(old: Mapping[str, Tensor], width: int) -> dict[str, Tensor]:
    """Return embeddings of a lower width [_, width], a projection back, and the masked-word head that goes with them.

    The tables of words, positions and segments, one under the other, without the mean of each row (which LayerNorm
    takes away), are cut to their first width - 1 singular vectors: the nearest tables of that rank (Eckart and Young,
    1936). They are turned so that their rows have mean 0 in `width` numbers, too. Then the narrow LayerNorm does what
    the wide one did, and where nothing was cut off (rank < width) the embeddings are what they were.
    """
    if f"{PROJECTION}weight" in old:
        raise UserError("The token table is narrow already. Leave embedding_size out, or give another model.")
    names = [name for name in TABLES if name in old]
    tables = [old[name].detach().double() for name in names]
    centred = [table - table.mean(1, keepdim=True) for table in tables]
    _, _, directions = torch.linalg.svd(torch.cat(centred), full_matrices=False)
    basis = _without_mean(width).to(directions) @ directions[: width - 1]
    factors, shifts = (old[f"{NORM}{part}"].detach().double() for part in ("weight", "bias"))
    found = {name: table @ basis.T for name, table in zip(names, centred, strict=True)}
    found[f"{NORM}weight"], found[f"{NORM}bias"] = torch.ones(width), torch.zeros(width)
    # LayerNorm gives a vector of n numbers the length of the square root of n.
    found[f"{PROJECTION}weight"] = (basis * factors).T * (basis.shape[1] / width) ** 0.5
    found[f"{PROJECTION}bias"] = shifts
    if f"{TRANSFORM}dense.weight" in old:
        found |= _narrowed_head(old, basis)
    return {name: tensor.to(old[names[0]]) for name, tensor in found.items()}


def _without_mean(width: int) -> Tensor:
    """Return [width, width - 1]: orthonormal columns, each with mean 0."""
    columns = torch.cat([torch.ones(width, 1), torch.eye(width, width - 1)], 1).double()
    turned: Tensor = torch.linalg.qr(columns).Q[:, 1:]
    return turned


def _narrowed_head(old: Mapping[str, Tensor], basis: Tensor) -> dict[str, Tensor]:
    """Return the masked-word head at the lower width; its activation and LayerNorm have to be learnt anew there."""
    dense, bias = (old[f"{TRANSFORM}dense.{part}"].detach().double() for part in ("weight", "bias"))
    factors, shifts = (old[f"{TRANSFORM}LayerNorm.{part}"].detach().double() for part in ("weight", "bias"))
    return {
        f"{TRANSFORM}dense.weight": basis @ dense,
        f"{TRANSFORM}dense.bias": basis @ bias,
        f"{TRANSFORM}LayerNorm.weight": (basis**2) @ factors,
        f"{TRANSFORM}LayerNorm.bias": basis @ shifts,
        OUTPUT: old[OUTPUT].detach().double() @ basis.T,
    }


def _joined(name: str, old: Mapping[str, Tensor], owners: Mapping[str, Sequence[int]], start: str) -> Tensor:
    """Return what the layers that become one have of a parameter: the mean, or the first one's."""
    number, _, rest = name.removeprefix(LAYER).partition(".")
    half = next(owner for begin, owner in owners.items() if f".{rest}".startswith(begin))
    members = [layer for layer, owner in enumerate(half) if owner == int(number)]
    stack = torch.stack([old[f"{LAYER}{layer}.{rest}"].detach() for layer in members])
    return stack[0] if start == "first" else stack.mean(0)
