"""One bit for each weight and for all that goes into products (Qin et al., 2022)."""

from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from mamebert.compression.contract import Bench, Form, Subject
from mamebert.compression.distillation.direction_matching import Matched, same_directions
from mamebert.compression.distillation.distiller import Distiller, Term, right_answers, soft_targets
from mamebert.compression.forms.altered_folder import fill_altered, open_altered, reads_pooler, save_altered
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.quantisation.binary import Settled, binarise, binary_modules, settle_signs
from mamebert.compression.quantisation.binary_cost import times_fewer_operations
from mamebert.compression.quantisation.bit_packing import pack_bits, packed_size, times_smaller, unpack_bits
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.settings import Training


class BiBert(Compressor):
    """Make weights, word table and activations binary, and learn by the directions of the model as it was.

    What runs is a simulation in float32: true to the numbers of a binary network and slower than a plain one. Only the
    bytes on disk are those of one bit.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper("Qin et al., 2022 (BiBERT)", "56.3x fewer FLOPs, 31.2x smaller")
    is_last: ClassVar[bool] = True
    works_on: ClassVar[frozenset[Literal["task", "encoder"]]] = frozenset({"task"})

    match: list[Matched] = Field(default=["queries", "keys", "values", "hidden"])
    """Whose directions the binary network is to share with the model as it was; the paper takes all."""
    answers_weight: float = Field(default=0.5, ge=0)
    """Weight of the right answers beside the teacher's, which weigh 1; where outputs are numbers of their own the
    teacher's alone are learnt."""
    training: Training = Training(epochs=6, batch_tokens=1024, peak_lr=5e-4, clip_norm=2.5)
    """How the binary network learns."""

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the shape, which stays; ReLU, and layers unlike the teacher's, are a UserError."""
        ours, theirs = shape, teacher
        if ours.hidden_act == "relu":
            raise UserError(
                "ReLU gives nothing below 0, so that its sign tells nothing. Choose a model with GELU, or qbert."
            )
        if theirs.num_hidden_layers % ours.num_hidden_layers:
            raise UserError(
                f"The {theirs.num_hidden_layers} layers of the teacher cannot be shared evenly by the "
                f"{ours.num_hidden_layers} of this model. Drop or distil to a divisor of them before."
            )
        alike = ("hidden_size", "heads_by_layer") if ours.num_hidden_layers == theirs.num_hidden_layers else ()
        if ours.hidden_size != theirs.hidden_size or any(getattr(ours, n) != getattr(theirs, n) for n in alike):
            raise UserError(
                "The model has another width or other heads than the teacher, so that their directions cannot be "
                "compared. Use bibert on a model of the teacher's shape."
            )
        return shape

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse another shape or another vocabulary than the teacher's."""
        super().check(subject, bench)
        if subject.bert.vocab_size != bench.teacher.bert.vocab_size:
            raise UserError(
                f"The teacher has {bench.teacher.bert.vocab_size} tokens and the model {subject.bert.vocab_size}. "
                "Use bibert without pruning the vocabulary before."
            )

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with binary rows."""
        binarise(subject.bert, reads_pooler(subject))
        distiller = Distiller(bench.teacher, subject, self._terms(subject))
        bench.learn(subject, self.training, distiller.loss)
        settle_signs(subject.bert)
        stored = {
            name: packed_size(module.weight.numel(), 1) + 4 * len(module.weight)
            for name, module in binary_modules(subject.bert)
        }
        lengths = bench.batches(1)[0].packed.lengths
        subject.notes |= {
            "bits": 1,
            **times_smaller(subject.bert, stored),
            "times_fewer_operations": round(times_fewer_operations(subject.bert.config, lengths), 1),
            "speed": "what runs is a simulation in float32, slower than the plain model; operations are an estimate "
            "for hardware that does 64 binary ones at the cost of one",
        }
        return subject

    def save(self, subject: Subject, folder: Path) -> list[Form]:
        """Write a bit for each weight and a float32 for each row; no plain class can hold such a network."""
        packed: dict[str, Tensor] = {}
        for name, module in binary_modules(subject.bert):
            weight = module.weight.detach().cpu()
            packed[f"bert.{name}.weight.signs"] = pack_bits(weight > 0, 1)
            packed[f"bert.{name}.weight.sizes"] = weight[:, 0].abs()
        save_altered(subject, folder, self.kind, {}, packed)
        return [Form("compact", ".", "mamebert only (simulated in float32)")]

    @classmethod
    def open(cls, folder: Path) -> Subject:
        """Open the packed signs; the outputs are those of the model that was saved, to the last bit."""
        shell = open_altered(folder)
        encoder = shell.subject.bert
        binarise(encoder, reads_pooler(shell.subject), Settled())
        unpacked = {}
        for name, module in binary_modules(encoder):
            place = f"bert.{name}.weight"
            positive = unpack_bits(shell.take(f"{place}.signs"), 1, module.weight.shape).bool()
            size = shell.take(f"{place}.sizes")[:, None]
            unpacked[place] = torch.where(positive, size, -size)
        return fill_altered(shell, unpacked)

    def _terms(self, subject: Subject) -> list[Term]:
        answers = self.answers_weight if subject.goal.scores_classes else 0.0
        return [soft_targets(1.0), right_answers(answers), *(same_directions(what) for what in self.match)]
