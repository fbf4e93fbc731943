"""A network that was trained with simulated integers, as integers: one byte for each weight, sums in int32.

In torch the arithmetic is exact and slow, and there to compare with. In an ONNX graph each product stands between
QuantizeLinear and DequantizeLinear, which ONNX Runtime turns into its kernels for bytes. Weights are signed bytes and
what flows through is unsigned, with 128 for 0: of this pair processors with VNNI make four products in one instruction,
and `Session` keeps others from adding pairs of them up in 16 bits, which overflow.
"""

from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from mamebert.compression._fake_quantisation import (
    ActivationRange,
    PerTensor,
    QuantisedEmbedding,
    QuantisedLinear,
    places_of,
    put,
    step_for,
    to_integers,
)

ZERO = 128
"""What stands for 0 in what flows through."""


class IntegerLinear(nn.Module):
    """A linear layer over bytes."""

    in_features: int
    out_features: int
    weight: Tensor
    weight_step: Tensor
    sum_step: Tensor
    bias: Tensor

    def __init__(self, inputs: "IntegerRange", outputs: "IntegerRange | None") -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs

    @classmethod
    @torch.no_grad()
    def of(cls, dense: QuantisedLinear) -> Self:
        """Return the layer that computes what `dense` simulates."""
        step = dense.sum_step()
        assert step is not None, "the layer has no range for its input yet, or several for its weight"
        assert isinstance(dense.round_weight, PerTensor)
        outputs = IntegerRange(dense.outputs) if dense.outputs is not None else None
        made = cls(IntegerRange(cast(ActivationRange, dense.inputs)), outputs)
        made.in_features, made.out_features = dense.in_features, dense.out_features
        weight_step = dense.round_weight.step(dense.weight)
        made.register_buffer("weight", as_bytes(dense.weight.T, weight_step, dense.round_weight.bits))
        made.register_buffer("weight_step", weight_step.clone())
        made.register_buffer("sum_step", step.clone())
        bias = dense.bias if dense.bias is not None else torch.zeros(dense.out_features)
        made.register_buffer("bias", to_integers(bias, step, 32).to(torch.int32))
        return made

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., out_features] in float32."""
        weights = self.weight, self.weight_step, self.bias, self.sum_step
        found: Tensor = _Product.apply(*self.inputs.bounded(hidden), *weights)  # type: ignore[no-untyped-call]
        return found if self.outputs is None else cast(Tensor, self.outputs(found))


class IntegerRange(nn.Module):
    """Rounds what flows through to a fixed grid."""

    step: Tensor

    def __init__(self, followed: ActivationRange) -> None:
        super().__init__()
        self.bits = followed.bits
        self.limit = float(followed.limit)
        self.register_buffer("step", step_for(followed.limit, followed.bits).clone())

    def bounded(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values, none beyond the range (a byte has one number more below 0 than above), and the step."""
        return values.clamp(-self.limit, self.limit), self.step

    def forward(self, values: Tensor) -> Tensor:
        """Return the same shape."""
        found: Tensor = _Rounded.apply(*self.bounded(values))  # type: ignore[no-untyped-call]
        return found


class IntegerEmbedding(nn.Module):
    """A table of bytes."""

    weight: Tensor
    step: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, table: QuantisedEmbedding) -> Self:
        """Return the table that `table` simulates."""
        assert isinstance(table.round_weight, PerTensor)
        made, step = cls(), table.round_weight.step(table.weight)
        made.register_buffer("weight", as_bytes(table.weight, step, table.round_weight.bits))
        made.register_buffer("step", step.clone())
        return made

    def forward(self, ids: Tensor) -> Tensor:
        """Return [..., width] in float32."""
        found: Tensor = _Row.apply(ids, self.weight, self.step)  # type: ignore[no-untyped-call]
        return found


def integer_modules(root: nn.Module) -> None:
    """Put integers where they are simulated; the network cannot learn then."""
    for module, names in places_of(root, (QuantisedLinear, QuantisedEmbedding)).items():
        kind = IntegerLinear if isinstance(module, QuantisedLinear) else IntegerEmbedding
        put(root, names, kind.of(module))


def as_bytes(values: Tensor, step: Tensor, bits: int) -> Tensor:
    """Return int8 of the same shape: integers of the grid."""
    return to_integers(values, step, bits).to(torch.int8).contiguous()


# What the three give in torch, and the nodes that stand for them in a graph.


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, step: Tensor, weight: Tensor, weight_step: Tensor, bias: Tensor, sum_step: Tensor
    ) -> Tensor:
        sums = (hidden / step).round().int() @ weight.int()
        return (sums + bias).float() * sum_step

    @staticmethod
    def symbolic(g: Any, hidden: Any, step: Any, weight: Any, weight_step: Any, bias: Any, sum_step: Any) -> Any:
        table = g.op("DequantizeLinear", weight, weight_step)
        product = g.op("MatMul", _through_bytes(g, hidden, step), table)
        return g.op("Add", product, g.op("DequantizeLinear", bias, sum_step))


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, step: Tensor) -> Tensor:
        return (values / step).round() * step

    @staticmethod
    def symbolic(g: Any, values: Any, step: Any) -> Any:
        return _through_bytes(g, values, step)


class _Row(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ids: Tensor, table: Tensor, step: Tensor) -> Tensor:
        return table[ids].float() * step

    @staticmethod
    def symbolic(g: Any, ids: Any, table: Any, step: Any) -> Any:
        return g.op("DequantizeLinear", g.op("Gather", table, ids, axis_i=0), step)


def _through_bytes(g: Any, values: Any, step: Any) -> Any:
    return g.op("DequantizeLinear", g.op("QuantizeLinear", values, step, _zero(g)), step, _zero(g))


def _zero(g: Any) -> Any:
    return g.op("Constant", value_t=torch.tensor(ZERO, dtype=torch.uint8))
