"""A network that was trained with simulated integers, as integers: one byte for each weight, sums in int32.

In torch the arithmetic is exact and slow, and there to compare with. In an ONNX graph each product stands between
QuantizeLinear and DequantizeLinear, which ONNX Runtime turns into its kernels for bytes. Weights are signed bytes and
what flows through is unsigned, with a zero point: of this pair processors with VNNI make four products in one
instruction, and `Session` keeps others from adding pairs of them up in 16 bits, which overflow.
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from mamebert.compression.quantisation.activation_range import ActivationRange
from mamebert.compression.quantisation.fake_quantisation import QuantisedEmbedding, QuantisedLinear, places_of, put
from mamebert.compression.quantisation.rounding import PerTensor, to_integers

BYTE = 255
"""The largest integer of what flows through."""


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
        assert dense.inputs is not None
        assert isinstance(dense.round_weight, PerTensor)
        outputs = IntegerRange(dense.outputs) if dense.outputs is not None else None
        made = cls(IntegerRange(dense.inputs), outputs)
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
        inputs = self.inputs
        given = inputs.bounded(hidden), inputs.step, inputs.zero_point
        found: Tensor = _Product.apply(*given, *weights)  # type: ignore[no-untyped-call]
        if self.outputs is None:
            return found
        again: Tensor = self.outputs(found)
        return again


class IntegerRange(nn.Module):
    """Rounds what flows through to a fixed grid."""

    step: Tensor
    zero_point: Tensor

    def __init__(self, followed: ActivationRange) -> None:
        super().__init__()
        grid = followed.grid()
        self.fills_byte = grid.largest == BYTE
        self.bounds = [float(bound * grid.step) for bound in grid.bounds()]
        self.register_buffer("step", grid.step.clone())
        self.register_buffer("zero_point", grid.zero_point.to(torch.uint8))

    def bounded(self, values: Tensor) -> Tensor:
        """Return the values, none beyond the range; a range that fills the byte bounds them by itself."""
        return values if self.fills_byte else values.clamp(*self.bounds)

    def forward(self, values: Tensor) -> Tensor:
        """Return the same shape."""
        found: Tensor = _Rounded.apply(self.bounded(values), self.step, self.zero_point)  # type: ignore[no-untyped-call]
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
        ctx: Any,
        hidden: Tensor,
        step: Tensor,
        zero: Tensor,
        weight: Tensor,
        weight_step: Tensor,
        bias: Tensor,
        sum_step: Tensor,
    ) -> Tensor:
        sums = _whole(hidden, step, zero).int() @ weight.int()
        return (sums + bias).float() * sum_step

    @staticmethod
    def symbolic(
        g: Any, hidden: Any, step: Any, zero: Any, weight: Any, weight_step: Any, bias: Any, sum_step: Any
    ) -> Any:
        table = g.op("DequantizeLinear", weight, weight_step)
        product = g.op("MatMul", _through_bytes(g, hidden, step, zero), table)
        return g.op("Add", product, g.op("DequantizeLinear", bias, sum_step))


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, step: Tensor, zero: Tensor) -> Tensor:
        return _whole(values, step, zero) * step

    @staticmethod
    def symbolic(g: Any, values: Any, step: Any, zero: Any) -> Any:
        return _through_bytes(g, values, step, zero)


class _Row(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ids: Tensor, table: Tensor, step: Tensor) -> Tensor:
        return table[ids].float() * step

    @staticmethod
    def symbolic(g: Any, ids: Any, table: Any, step: Any) -> Any:
        return g.op("DequantizeLinear", g.op("Gather", table, ids, axis_i=0), step)


def _whole(values: Tensor, step: Tensor, zero: Tensor) -> Tensor:
    """Return the bytes of QuantizeLinear less the zero point, in float32."""
    return (values / step).round().clamp(-zero.float(), BYTE - zero.float())


def _through_bytes(g: Any, values: Any, step: Any, zero: Any) -> Any:
    return g.op("DequantizeLinear", g.op("QuantizeLinear", values, step, zero), step, zero)
