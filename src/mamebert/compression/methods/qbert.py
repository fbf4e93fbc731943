"""A few bits for each weight, more of them where the loss bends sharply (Shen et al., 2020)."""

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mamebert.compression.contract import Bench, Form, Subject
from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.forms.altered_folder import fill_altered, open_altered, reads_pooler, save_altered, save_plain
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.quantisation.activation_range import Scheme, ranges_of_before, scheme_in
from mamebert.compression.quantisation.bit_packing import pack_bits, times_smaller, unpack_bits
from mamebert.compression.quantisation.fake_quantisation import QuantisedLinear, plain_modules, quantise_modules
from mamebert.compression.quantisation.groupwise import (
    Grid,
    Groupwise,
    OnGrid,
    require_groups,
    rounded_modules,
    settle_groups,
)
from mamebert.compression.quantisation.hessian import layer_eigenvalues, sensitivity
from mamebert.compression.quantisation.rounding import Rounding
from mamebert.encoder.model import Encoder
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.settings import Training

Bits = Annotated[int, Field(ge=2, le=8)]
LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
OTHER_BITS = 8
"""Of the pooler and of the tables of positions and segments, which are small and bear little (Shen et al., 2020)."""


class QBert(Compressor):
    """Quantise layers by their sensitivity, in groups with ranges of their own, and train with the rounding."""

    paper: ClassVar[Paper] = Paper(
        "Shen et al., 2020 (Q-BERT)",
        "at most 2.3 % lost down to 2 bits; 13x smaller weights, 4x smaller embeddings and activations",
    )
    is_last: ClassVar[bool] = True

    bits: list[Bits] = Field(default=[2, 4], min_length=1)
    """Bits of a weight. With several, layers are ranked by sensitivity: the least sensitive share gets the fewest
    bits, the most sensitive the most, in shares of one size. The paper has [2, 3] and [2, 4]; [4] treats all alike."""
    layer_bits: list[Bits] = Field(default=[])
    """Bits of each layer, decided by you; nothing is measured then."""
    groups: int = Field(default=128, ge=1)
    """Groups of rows in each matrix, each with its own range; must divide the rows. 1 is a range for the matrix."""
    embedding_bits: int = Field(default=8, ge=4, le=8)
    """Bits of the word table, whose rows have ranges of their own. Positions and segments get 8."""
    activation_bits: Literal[0, 4, 8] = 8
    """Bits of what goes into matrices, by ranges that follow the training batches; 0 leaves floats."""
    range_decay: float = Field(default=0.99, ge=0, lt=1)
    """Memory of those ranges, from batch to batch."""
    shards: int = Field(default=10, ge=2)
    """Batches of training data on which each layer's sensitivity is measured."""
    shard_tokens: int = Field(default=256, ge=16)
    """Tokens of such a batch."""
    power_steps: int = Field(default=10, ge=1)
    """Most steps of the power iteration, each about as dear as two training steps."""
    soft_targets: float = Field(default=0.0, ge=0)
    """Weight of the teacher's answers in the loss, beside 1 for the right ones; the paper has none."""
    training: Training = Training(epochs=3, batch_tokens=4096, peak_lr=2e-4)
    """How the rounded network learns."""

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the shape, which stays; groups that do not divide, and bits for other layers, are a UserError."""
        with torch.device("meta"):
            require_groups(Encoder(shape, vocab_size=1 + shape.pad_token_id), self.groups)
        layers = shape.num_hidden_layers
        if self.layer_bits and len(self.layer_bits) != layers:
            raise UserError(
                f"layer_bits tells the bits of {len(self.layer_bits)} layers, and the model has {layers}. "
                "Give one number for each, or leave it out."
            )
        return shape

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with its weights on grids of few values."""
        bits = self._bits_of_layers(subject, bench)
        quantise_modules(subject.bert, self._rounding(subject, bits), self.activation_bits, decay=self.range_decay)
        distiller = Distiller(bench.teacher, subject, [right_answers(1.0), soft_targets(self.soft_targets)])
        bench.learn(subject, self.training, distiller.loss if self.soft_targets else None)
        settle_groups(subject.network)
        stored = {n: m.round_weight.grid.stored_bytes(m.weight.numel()) for n, m in rounded_modules(subject.bert)}
        subject.notes |= {"bits_of_layers": bits, "groups": self.groups, **times_smaller(subject.bert, stored)}
        if self.activation_bits:
            subject.notes["activation_bits"] = self.activation_bits
            subject.notes["plain_hidden_states_differ_by"] = float_activations_differ_by(subject, bench.batches(1)[0])
        return subject

    def save(self, subject: Subject, folder: Path) -> list[Form]:
        """Write packed integers, and beside them the same weights as float32 for plain transformers."""
        packed: dict[str, Tensor] = {}
        bits: dict[str, int] = {}
        for name, module in rounded_modules(subject.bert):
            grid = module.round_weight.grid
            grid = Grid(grid.lows.cpu(), grid.steps.cpu(), grid.bits)
            place, bits[name] = f"bert.{name}.weight", grid.bits
            packed[f"{place}.codes"] = pack_bits(grid.codes(module.weight.detach().cpu()), grid.bits)
            packed |= {f"{place}.lows": grid.lows, f"{place}.steps": grid.steps}
        how = {"bits": bits, **_activations(subject.bert)}
        save_altered(subject, folder, self.kind, how, packed)
        remark = ", with float32 activations" if how["activation_bits"] else ""
        plain = save_plain(subject, with_float_activations(subject.network), folder, remark)
        return [Form("compact", ".", "mamebert"), *plain]

    @classmethod
    def open(cls, folder: Path) -> Subject:
        """Open the packed integers; the outputs are those of the model that was saved, to the last bit."""
        shell = open_altered(folder)
        encoder = shell.subject.bert
        grids = {
            name: Grid(shell.take(f"bert.{name}.weight.lows"), shell.take(f"bert.{name}.weight.steps"), bits)
            for name, bits in shell.how["bits"].items()
        }
        quantise_modules(
            encoder,
            lambda name: OnGrid(grids[name]) if name in grids else None,
            shell.how["activation_bits"],
            scheme=scheme_in(shell.how),
        )
        unpacked = ranges_of_before(shell.tensors)
        for name, grid in grids.items():
            place = f"bert.{name}.weight"
            shape = encoder.get_parameter(f"{name}.weight").shape
            unpacked[place] = grid.values(unpack_bits(shell.take(f"{place}.codes"), grid.bits, shape))
        return fill_altered(shell, unpacked)

    def _bits_of_layers(self, subject: Subject, bench: Bench) -> list[int]:
        owners = owners_of_layers(subject.bert.config)
        if self.layer_bits or len(set(self.bits)) == 1:
            given = self.layer_bits or [self.bits[0]] * len(owners)
            return [given[owner] for owner in owners]
        batches = bench.batches(self.shards, self.shard_tokens)
        eigenvalues = layer_eigenvalues(subject, batches, self.power_steps, seed=bench.seed)
        found = [sensitivity(each) for each in eigenvalues]
        subject.notes |= {
            "sensitivity": [round(each, 4) for each in found],
            "mean_eigenvalue": [round(sum(each) / len(each), 4) for each in eigenvalues],
        }
        own = sorted(set(owners))
        chosen = dict(zip(own, bits_by_sensitivity([found[layer] for layer in own], self.bits), strict=True))
        return [chosen[owner] for owner in owners]

    def _rounding(self, subject: Subject, bits: Sequence[int]) -> Callable[[str], Rounding | None]:
        encoder, with_pooler = subject.bert, reads_pooler(subject)

        def rounding(name: str) -> Rounding | None:
            module = encoder.get_submodule(name)
            if isinstance(module, nn.Embedding):
                return Groupwise(self.embedding_bits if name.endswith("word_embeddings") else OTHER_BITS)
            if not module.weight.numel() or (name.startswith("pooler.") and not with_pooler):  # type: ignore[operator]
                return None
            in_layer = LAYER.match(name)
            return Groupwise(bits[int(in_layer[1])] if in_layer else OTHER_BITS, self.groups)

        return rounding


def bits_by_sensitivity(sensitivities: Sequence[float], bits: Sequence[int]) -> list[int]:
    """Return the bits of each layer: ranked by sensitivity, shares of one size get `bits` from fewest to most."""
    ranked = sorted(range(len(sensitivities)), key=lambda layer: sensitivities[layer])
    widths = sorted(bits)
    found = [0] * len(sensitivities)
    for rank, layer in enumerate(ranked):
        found[layer] = widths[rank * len(widths) // len(ranked)]
    return found


def owners_of_layers(shape: EncoderConfig) -> list[int]:
    """Return for each layer the first that has the same weights: itself, where any of them are its own."""
    halves = zip(shape.attention_owners, shape.ffn_owners, strict=True)
    return [one if one == other else layer for layer, (one, other) in enumerate(halves)]


def with_float_activations(network: Any) -> Any:
    """Return a copy with plain modules: weights on their grids, activations in float32."""
    plain = deepcopy(network)
    plain_modules(plain)
    return plain.eval()


@torch.no_grad()
def float_activations_differ_by(subject: Subject, batch: Any) -> float:
    """Return the largest difference of a last hidden state that rounding the activations makes on a batch."""
    plain = with_float_activations(subject.network)
    subject.network.eval()
    *_, ours = subject.bert.hidden_states(batch.packed)
    *_, theirs = plain.bert.hidden_states(batch.packed)
    return float((ours - theirs).abs().max())


def _activations(encoder: nn.Module) -> dict[str, int | Scheme]:
    ranges = [m.inputs for _, m in rounded_modules(encoder) if isinstance(m, QuantisedLinear) and m.inputs is not None]
    if not ranges:
        return {"activation_bits": 0}
    return {"activation_bits": ranges[0].bits, "activation_range": ranges[0].scheme}
