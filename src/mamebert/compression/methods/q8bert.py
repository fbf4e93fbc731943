"""Eight bits for weights and activations, learnt with the rounding (Zafrir et al., 2019)."""

from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mamebert.compression.contract import Bench, Form, Subject
from mamebert.compression.distillation.distiller import Distiller, right_answers, soft_targets
from mamebert.compression.forms.altered_folder import fill_altered, open_altered, save_altered, save_plain
from mamebert.compression.forms.onnx_export import WORDS, export_graph, has_plain_head
from mamebert.compression.forms.onnx_programs import require_onnx
from mamebert.compression.forms.onnx_runtime import GRAPH
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.methods.dynamic_int8 import quantise_graph, refuse_sentence_pairs
from mamebert.compression.quantisation.activation_range import Scheme, ranges_of_before, scheme_in
from mamebert.compression.quantisation.fake_quantisation import (
    QuantisedEmbedding,
    QuantisedLinear,
    plain_modules,
    quantise_modules,
    settle,
)
from mamebert.compression.quantisation.integers import integer_modules
from mamebert.compression.quantisation.rounding import PerTensor, to_integers
from mamebert.files.checksums import seal
from mamebert.training.settings import Training

INTEGERS, STEP = ".integers", ".step"
"""How the names of tensors end that stand for a weight or bias: whole numbers, and what one of them stands for."""


class Q8Bert(Compressor):
    """Train with matrices, embeddings and activations rounded to 8 bits; then run on integers."""

    paper: ClassVar[Paper] = Paper("Zafrir et al., 2019 (Q8BERT)", "4x smaller, 99 % of the quality kept")
    is_last: ClassVar[bool] = True

    weight_bits: int = Field(default=8, ge=2, le=8)
    """Bits of weights, one range for each matrix. A byte is stored for each all the same; qbert packs fewer bits."""
    activation_bits: int = Field(default=8, ge=2, le=8)
    """Bits of what goes into matrices."""
    activation_range: Scheme = "asymmetric"
    """From the smallest to the largest activation; or, as in the paper, as far below 0 as above it, which spends half
    of the integers on what a GELU never gives."""
    range_decay: float = Field(default=0.9999, ge=0, lt=1)
    """Memory of the ranges of activations, from batch to batch; the first batch begins them."""
    requantise_output: Literal["attention", "none"] = "attention"
    """Whether queries, keys and values, which go into products again, are rounded as well as what they come from."""
    start_step: int = Field(default=0, ge=0)
    """Batches at the beginning that are computed with floats; ranges are followed from the first."""
    soft_targets: float = Field(default=0.0, ge=0)
    """Weight of the teacher's answers in the loss, beside 1 for the right ones; the paper has none."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the teacher's answers."""
    training: Training = Training(epochs=3, batch_tokens=2048, peak_lr=1e-4)
    """How the rounded network learns."""

    def require(self) -> None:
        """Look for the programs that make and run graphs."""
        require_onnx()

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse a model that is asked for more than words."""
        self.require()
        refuse_sentence_pairs(subject)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with every number on its grid; torch simulates the arithmetic."""
        again = self.requantise_output == "attention"
        scheme, decay = self.activation_range, self.range_decay
        _quantise(subject, self.weight_bits, self.activation_bits, again, scheme, decay, self.start_step)
        distiller = Distiller(
            bench.teacher, subject, [right_answers(1.0), soft_targets(self.soft_targets, self.temperature)]
        )
        bench.learn(subject, self.training, loss=distiller.loss if self.soft_targets else None)
        _restore_unused(subject.network)
        settle(subject.network)
        subject.notes |= {
            "weight_bits": self.weight_bits,
            "activation_bits": self.activation_bits,
            "activation_range": self.activation_range,
            "float32": "LayerNorm, softmax, GELU, products of attention",
        }
        return subject

    def save(self, subject: Subject, folder: Path) -> list[Form]:
        """Write a graph for integer kernels, the integers themselves, and the same weights for plain transformers.

        What was learnt is the graph. A range must hold the largest output of a GELU, so that small ones round to a few
        numbers; weights learn to live with it, and outputs without that rounding differ somewhat.
        """
        how = {
            "modules": [name for name, _ in quantised(subject.network)],
            "weight_bits": self.weight_bits,
            "activation_bits": self.activation_bits,
            "activation_range": self.activation_range,
            "requantised": self.requantise_output == "attention",
        }
        save_altered(subject, folder, self.kind, how, integers_of(subject.network))
        save_integer_graph(subject, folder / GRAPH)
        seal(folder)
        plain = deepcopy(subject.network)
        plain_modules(plain)
        return [
            Form("onnx_int8", GRAPH, "onnxruntime"),
            Form("compact", ".", "mamebert, simulating the integers"),
            *save_plain(subject, plain, folder, ", with float32 activations"),
        ]

    @classmethod
    def open(cls, folder: Path) -> Subject:
        """Open the integers as a network that simulates them, and can go on learning."""
        shell = open_altered(folder)
        how, tensors = shell.how, shell.tensors
        bits = how["weight_bits"], how["activation_bits"]
        _quantise(shell.subject, *bits, how["requantised"], scheme_in(how), names=how["modules"])
        unpacked = ranges_of_before(tensors) | {
            name.removesuffix(INTEGERS): tensors[name].float() * tensors[name.removesuffix(INTEGERS) + STEP]
            for name in tensors
            if name.endswith(INTEGERS)
        }
        return fill_altered(shell, unpacked)


def quantised(network: nn.Module) -> list[tuple[str, QuantisedLinear | QuantisedEmbedding]]:
    """Return the modules whose numbers are rounded, by name."""
    kinds = QuantisedLinear | QuantisedEmbedding
    return [(name, module) for name, module in network.named_modules() if isinstance(module, kinds)]


@torch.no_grad()
def integers_of(network: nn.Module) -> dict[str, Tensor]:
    """Return weights as int8 and biases as int32, each with its step in float32, by the names of parameters."""
    found: dict[str, Tensor] = {}
    for name, module in quantised(network):
        grid = module.round_weight
        assert isinstance(grid, PerTensor)
        step = grid.step(module.weight)
        found[f"{name}.weight{INTEGERS}"] = to_integers(module.weight, step, grid.bits).to(torch.int8)
        found[f"{name}.weight{STEP}"] = step
        if isinstance(module, QuantisedLinear) and module.bias is not None:
            sums = module.sum_step()
            assert sums is not None
            found[f"{name}.bias{INTEGERS}"] = to_integers(module.bias, sums, 32).to(torch.int32)
            found[f"{name}.bias{STEP}"] = sums
    return found


def save_integer_graph(subject: Subject, path: Path) -> None:
    """Write the graph whose products are of bytes; scores of words, which learn with floats, become bytes as they are.

    Its outputs are those of the simulation but for the order in which numbers are added up: where a number falls
    between two steps, it may be rounded to the other one.
    """
    network: Any = deepcopy(subject.network).cpu()
    integer_modules(network)
    for file in export_graph(Subject(network, subject.goal, subject.folder), path):
        if file.name.endswith(WORDS):
            floats = file.with_suffix(".float")
            file.rename(floats)
            quantise_graph(floats, file)
            floats.unlink()


def _quantise(
    subject: Subject,
    weight_bits: int,
    activation_bits: int,
    again: bool,
    scheme: Scheme,
    decay: float = 0.9999,
    start_step: int = 0,
    names: list[str] | None = None,
) -> None:
    """Round what stands in the encoder and in a plain head; with `names` those modules alone."""
    places = ("bert.", "head.") if has_plain_head(subject.goal) else ("bert.",)

    def rounding(name: str) -> PerTensor | None:
        wanted = name.startswith(places) if names is None else name in names
        return PerTensor(weight_bits) if wanted else None

    requantised = ("query", "key", "value") if again else ()
    quantise_modules(subject.network, rounding, activation_bits, decay, "ema", requantised, start_step, scheme)


def _restore_unused(network: nn.Module) -> None:
    """Put plain layers back where nothing ever went in (a pooler that no head reads): they have no range."""
    for name, module in quantised(network):
        if isinstance(module, QuantisedLinear) and module.sum_step() is None:
            plain_modules(network, [name])
