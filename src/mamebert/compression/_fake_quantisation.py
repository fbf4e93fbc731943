"""Arithmetic of few bits, simulated: numbers are rounded to a grid and stay floats.

Symmetric linear quantisation (Zafrir et al., 2019, Q8BERT): with M = 2^(bits-1) - 1 and a range t, the scale is
s = M / t, the integer is q = clip(round(x s), -M, M), and what is computed with is q / s. Here, as in ONNX, the step
1 / s is kept, so that both round alike. Gradients pass through the rounding unchanged (straight-through; Bengio et
al., 2013). A simulation is for learning and slower than floats; what runs on integers is made of it by `_integers`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from mamebert.encoder.model import Encoder
from mamebert.encoder.parts import Linear

SMALLEST_RANGE = 1e-12
"""Keeps the step of an all-zero tensor above 0; its numbers are 0 at any step."""

Rounding = Callable[[Tensor], Tensor]
"""From a weight to the same shape, rounded to the numbers that its few bits can say.

One that is a `RoundsRows` can do so for rows that have been looked up, which spares an embedding the whole table.
"""


@runtime_checkable
class RoundsRows(Protocol):
    """Rounds rows of a table as it would round the table."""

    def __call__(self, weight: Tensor, /) -> Tensor:
        """Return the whole weight, rounded."""

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return `found`, which are the rows [..., columns] of these ids, rounded as the whole table would be."""


def largest_integer(bits: int) -> int:
    """Return M, such as 127 for 8 bits: the grid goes from -M to M."""
    return (1 << (bits - 1)) - 1


def step_for(limit: Tensor, bits: int) -> Tensor:
    """Return limit / M, what one integer stands for; `limit` is the largest magnitude that is told apart."""
    return limit.detach().clamp_min(SMALLEST_RANGE) / largest_integer(bits)


def to_integers(values: Tensor, step: Tensor, bits: int) -> Tensor:
    """Return clip(round(values / step), -M, M), whole numbers in the type of `values`."""
    bound = largest_integer(bits)
    return (values.detach() / step).round_().clamp_(-bound, bound)


def fake_quantise(values: Tensor, limit: Tensor, bits: int) -> Tensor:
    """Return `values` rounded to the grid of `bits` in [-limit, limit]; the gradient is that of the identity.

    `limit` is a scalar, or broadcasts to `values` (a range for each row or group).
    """
    step = step_for(limit, bits)
    return straight_through(values, to_integers(values, step, bits).mul_(step))


def straight_through(values: Tensor, rounded: Tensor) -> Tensor:
    """Return `rounded`, with the gradient going to `values` as if they had not been rounded."""
    found: Tensor = _StraightThrough.apply(values, rounded)  # type: ignore[no-untyped-call]
    return found


class _StraightThrough(torch.autograd.Function):
    # values + (rounded - values).detach() would be off the grid by a rounding error.
    @staticmethod
    def forward(ctx: Any, values: Tensor, rounded: Tensor) -> Tensor:
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


@dataclass(frozen=True)
class PerTensor:
    """One range for a whole matrix: its largest magnitude."""

    bits: int

    def step(self, weight: Tensor) -> Tensor:
        """Return what one integer stands for, []."""
        return step_for(largest_magnitude(weight), self.bits)

    def __call__(self, weight: Tensor) -> Tensor:
        """Return the weight on its grid."""
        return fake_quantise(weight, largest_magnitude(weight), self.bits)

    def rows(self, table: Tensor, ids: Tensor, found: Tensor) -> Tensor:
        """Return rows of a table on the table's grid."""
        return fake_quantise(found, largest_magnitude(table), self.bits)


def largest_magnitude(values: Tensor) -> Tensor:
    """Return max |x|, [], without a copy of `values`."""
    low, high = values.detach().aminmax()
    return torch.maximum(-low, high)


class ActivationRange(nn.Module):
    """Rounds what flows through, by a range that is followed while learning and stays as it is afterwards.

    The range is a moving average of the largest magnitude of each batch, which the first batch begins ("ema"), or the
    largest magnitude of the tensor at hand ("dynamic"). Before it has seen anything, "ema" does as "dynamic".
    """

    limit: Tensor
    num_batches: Tensor

    def __init__(self, bits: int = 8, decay: float = 0.9999, mode: Literal["ema", "dynamic"] = "ema") -> None:
        super().__init__()
        self.bits, self.decay, self.mode = bits, decay, mode
        self.register_buffer("limit", torch.zeros(()))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    def observe(self, values: Tensor) -> None:
        """Let the range follow a batch."""
        found = largest_magnitude(values).float()
        self.limit.copy_(torch.where(self.num_batches == 0, found, torch.lerp(found, self.limit, self.decay)))
        self.num_batches += 1

    def forward(self, values: Tensor) -> Tensor:
        """Return the same shape, on the grid."""
        limit = self.limit
        if self.mode == "dynamic" or not self.num_batches:
            limit = largest_magnitude(values)
        return fake_quantise(values, limit, self.bits)


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
        if inputs is None or inputs.mode == "dynamic" or not inputs.num_batches:
            return None
        if not isinstance(self.round_weight, PerTensor):
            return None
        return self.round_weight.step(self.weight) * step_for(inputs.limit, inputs.bits)


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
) -> list[str]:
    """Put quantising modules where linear layers and embeddings of ours stand; return the names of those modules.

    They hold the same parameters. `weight_bits` is the same for all, or gives the rounding by a module's name within
    `root` (None leaves that module as it is). `activation_bits` 0 leaves inputs as they are. Outputs of layers whose
    last name is among `requantised` are rounded too: those of query, key and value go into products again. The first
    `start_step` batches of learning are computed with floats, and ranges are already followed.
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
            inputs = ActivationRange(activation_bits, decay, mode) if activation_bits else None
            again = activation_bits and names[0].rpartition(".")[2] in requantised
            outputs = ActivationRange(activation_bits, decay, mode) if again else None
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
