"""Layers of few bits, simulated: weights, and what goes into them, are rounded to grids and stay floats.

Gradients pass through the rounding unchanged (straight-through; Bengio et al., 2013). A simulation is for learning and
slower than floats; what runs on integers is made of it by `_integers`.
"""

from collections.abc import Callable, Collection
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from mamebert.compression.quantisation.activation_range import ActivationRange, Scheme
from mamebert.compression.quantisation.rounding import PerTensor, Rounding, RoundsRows, straight_through, to_integers
from mamebert.encoder.model import Encoder
from mamebert.encoder.parts import Linear


class QuantisedLinear(Linear):
    """A linear layer whose weight, input and, if wanted, output are rounded; parameters have the usual names.

    With one range for the weight and one for the input, the bias is rounded to the grid of their products, as int32
    sums need it.
    """

    def __init__(
        self,
        dense: nn.Linear,
        round_weight: Rounding,
        inputs: ActivationRange | None,
        outputs: ActivationRange | None = None,
        start_step: int = 0,
    ) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = dense.in_features, dense.out_features
        self.weight, self.bias = dense.weight, dense.bias
        self.round_weight, self.inputs, self.outputs = round_weight, inputs, outputs
        self.start = _Start(start_step)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., out_features]."""
        if self.training and self.inputs is not None:
            self.inputs.observe(hidden)
        if self.start.waits():
            found = super().forward(hidden)
            if self.outputs is not None:
                self.outputs.observe(found)
            return found
        weight = self.round_weight(self.weight)
        rounded = hidden if self.inputs is None else self.inputs(hidden)
        bias = self.rounded_bias()
        found = linear(rounded, weight.to(hidden.dtype), None if bias is None else bias.to(hidden.dtype))
        if self.outputs is None:
            return found
        if self.training:
            self.outputs.observe(found)
        return cast(Tensor, self.outputs(found))

    def rounded_bias(self) -> Tensor | None:
        """Return the bias as an int32 with the step of weight times input can say it."""
        bias: Tensor | None = self.bias
        step = self.sum_step()
        if bias is None or step is None:
            return bias
        return straight_through(bias, to_integers(bias, step, 32) * step)

    def sum_step(self) -> Tensor | None:
        """Return the step [] of sums of weights times inputs; None where there are several, or none that stays."""
        inputs = self.inputs
        if inputs is None or not inputs.stays():
            return None
        if not isinstance(self.round_weight, PerTensor):
            return None
        return self.round_weight.step(self.weight) * inputs.grid().step


class QuantisedEmbedding(nn.Embedding):
    """A table whose numbers are rounded."""

    def __init__(self, table: nn.Embedding, round_weight: Rounding, start_step: int = 0) -> None:
        nn.Module.__init__(self)
        vars(self).update({name: vars(table)[name] for name in SHAPE})
        self.weight = table.weight
        self.round_weight = round_weight
        self.start = _Start(start_step)

    def forward(self, ids: Tensor) -> Tensor:
        """Return [..., embedding_dim]."""
        if self.start.waits():
            return embedding(ids, self.weight, self.padding_idx)
        if isinstance(self.round_weight, RoundsRows):
            return self.round_weight.rows(self.weight, ids, embedding(ids, self.weight, self.padding_idx))
        return embedding(ids, self.round_weight(self.weight), self.padding_idx)


SHAPE = (
    "num_embeddings",
    "embedding_dim",
    "padding_idx",
    "max_norm",
    "norm_type",
    "scale_grad_by_freq",
    "sparse",
)


class _Start(nn.Module):
    """Counts the batches of learning, the first few of which are not rounded."""

    count: Tensor

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = first
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def waits(self) -> bool:
        """Tell whether the batch at hand is one of the first, and count it."""
        if not self.training or not self.first:
            return False
        self.count += 1
        return bool(self.count <= self.first)


def quantise_modules(
    root: nn.Module,
    weight_bits: int | Callable[[str], Rounding | None],
    activation_bits: int = 8,
    decay: float = 0.9999,
    mode: Literal["ema", "dynamic"] = "ema",
    requantised: tuple[str, ...] = ("query", "key", "value"),
    start_step: int = 0,
    scheme: Scheme = "asymmetric",
) -> list[str]:
    """Put quantising modules where linear layers and embeddings of ours stand; return the names of those modules.

    They hold the same parameters. `weight_bits` is the same for all, or gives the rounding by a module's name within
    `root` (None leaves that module as it is). `activation_bits` 0 leaves inputs as they are. Outputs of layers whose
    last name is among `requantised` are rounded too: those of query, key and value go into products again. `scheme` is
    that of all their ranges. The first `start_step` batches of learning are computed with floats, and ranges are
    already followed.
    """

    def rounding(name: str) -> Rounding | None:
        if callable(weight_bits):
            return weight_bits(name)
        return PerTensor(weight_bits)

    swapped = []
    for module, names in places_of(root, (Linear, nn.Linear, nn.Embedding)).items():
        round_weight = rounding(names[0]) if module.weight.numel() else None  # of a layer without heads nothing is left
        if round_weight is None:
            continue
        new: nn.Module
        if isinstance(module, nn.Embedding):
            new = QuantisedEmbedding(module, round_weight, start_step)
        else:
            inputs = ActivationRange(activation_bits, decay, mode, scheme) if activation_bits else None
            again = activation_bits and names[0].rpartition(".")[2] in requantised
            outputs = ActivationRange(activation_bits, decay, mode, scheme) if again else None
            new = QuantisedLinear(module, round_weight, inputs, outputs, start_step)
        put(root, names, new.to(module.weight.device).train(module.training))
        swapped.append(names[0])
    mark_altered(root)
    return swapped


def places_of(root: nn.Module, kinds: tuple[type[nn.Module], ...]) -> dict[Any, list[str]]:
    """Return the modules of exactly these types, each with all names it has (layers can be shared)."""
    found: dict[Any, list[str]] = {}
    for name, module in root.named_modules(remove_duplicate=False):
        if type(module) in kinds:
            found.setdefault(module, []).append(name)
    return found


def put(root: nn.Module, names: list[str], new: nn.Module) -> None:
    """Let a module stand at all of these places."""
    for name in names:
        place, _, last = name.rpartition(".")
        setattr(root.get_submodule(place), last, new)


def mark_altered(root: nn.Module, altered: bool = True) -> None:
    """Let encoders within `root` call their modules, for other ones stand inside now; or no longer."""
    for module in root.modules():
        if isinstance(module, Encoder):
            module.altered = altered


def plain_modules(root: nn.Module, names: Collection[str] | None = None) -> None:
    """Put plain modules of the same weights back, all or those of these names; activations are floats again."""
    for module, places in places_of(root, (QuantisedLinear, QuantisedEmbedding)).items():
        if names is None or places[0] in names:
            put(root, places, _plain(module))
    if not any(isinstance(module, QuantisedLinear | QuantisedEmbedding) for module in root.modules()):
        mark_altered(root, False)


@torch.no_grad()
def settle(root: nn.Module) -> None:
    """Round the weights and biases themselves, once learning is over: what else reads them has the same numbers."""
    for module in root.modules():
        if isinstance(module, QuantisedLinear):
            bias = module.rounded_bias()
            if bias is not None:
                module.bias.copy_(bias)
        if isinstance(module, QuantisedLinear | QuantisedEmbedding):
            module.weight.copy_(module.round_weight(module.weight))


def _plain(module: QuantisedLinear | QuantisedEmbedding) -> nn.Module:
    new: nn.Module
    if isinstance(module, QuantisedEmbedding):
        new = nn.Embedding(module.num_embeddings, module.embedding_dim, module.padding_idx, device="meta")
        new.weight = module.weight
    else:
        new = Linear(module.in_features, module.out_features, module.bias is not None, device="meta")
        new.weight, new.bias = module.weight, module.bias
    return new.train(module.training)
