"""The operators of graphs: for each, the size of what it gives, and its numbers where sizes are computed with it."""

from collections.abc import Callable, Sequence
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
_MOST_IN_A_ROW = 2**20
_KINDS = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_}


class Rule(NamedTuple):
    """One operator."""

    shapes: Callable[[list[Array], dict[str, Any]], Sequence[Shape]]
    compute: Callable[[list[Array], dict[str, Any]], Any] | None = None
    decides: tuple[int, ...] = ()
    """Inputs whose numbers decide sizes."""
    is_of_shape: bool = False
    """Whether it looks at the size of its input only."""


def _broadcast(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    return [np.broadcast_shapes(*(each.shape for each in given))]


def _like(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    return [given[0].shape] * 3  # what more some give is no larger


def _bytes_and_range(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    return [given[0].shape, (), ()]


def _product(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    one, other = given[:2]
    if min(one.ndim, other.ndim) < 2 or one.shape[-1] != other.shape[-2]:
        raise ValueError(f"{one.shape} times {other.shape}")
    return [(*np.broadcast_shapes(one.shape[:-2], other.shape[:-2]), one.shape[-2], other.shape[-1])]


def _gemm(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    turned = (told.get("transA"), told.get("transB"))
    return _product([each.T if turn else each for each, turn in zip(given, turned, strict=False)], told)


def _of_view(view: Callable[[list[Array], dict[str, Any]], Array]) -> Callable[[list[Array], dict[str, Any]], Any]:
    return lambda given, told: [view(given, told).shape]


def _slice(given: list[Array], told: dict[str, Any]) -> Array:
    found, starts, ends = given[0], _whole(given[1]), _whole(given[2])
    axes = _whole(given[3]) if len(given) > 3 and given[3].size else list(range(len(starts)))
    steps = _whole(given[4]) if len(given) > 4 and given[4].size else [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step < 1:
            raise ValueError(f"a step of {step}")
        found = found[(slice(None),) * (axis % found.ndim) + (slice(start, end, step),)]
    return found


def _unsqueeze(given: list[Array], told: dict[str, Any]) -> Array:
    return np.expand_dims(given[0], tuple(_whole(given[1])))


def _transpose(given: list[Array], told: dict[str, Any]) -> Array:
    return given[0].transpose(told.get("perm"))


def _reshape(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    if told.get("allowzero"):
        raise ValueError("allowzero")
    sizes = [given[0].shape[n] if size == 0 else size for n, size in enumerate(_whole(given[1]))]
    rest = prod(size for size in sizes if size != -1)
    found = tuple(given[0].size // max(rest, 1) if size == -1 else size for size in sizes)
    if prod(found) != given[0].size or min(found, default=0) < 0 or sizes.count(-1) > 1:
        raise ValueError(f"{given[0].shape} as {sizes}")
    return [found]


def _flatten(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    axis = told.get("axis", 1)
    return [(prod(given[0].shape[:axis]), prod(given[0].shape[axis:]))]


def _gather(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    table, places = given
    axis = told.get("axis", 0) % table.ndim
    return [(*table.shape[:axis], *places.shape, *table.shape[axis + 1 :])]


def _concat(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    axis = told["axis"] % given[0].ndim
    rests = {(*each.shape[:axis], *each.shape[axis + 1 :]) for each in given}
    if len(rests) != 1:
        raise ValueError(f"{rests} side by side")
    (rest,) = rests
    return [(*rest[:axis], sum(each.shape[axis] for each in given), *rest[axis:])]


def _shape(given: list[Array], told: dict[str, Any]) -> Array:
    return np.array(given[0].shape[told.get("start", 0) : told.get("end")], np.int64)


def _range(given: list[Array], told: dict[str, Any]) -> list[Shape]:
    start, end, step = (each.item() for each in given)
    size = max(ceil((end - start) / step), 0)
    if size > _MOST_IN_A_ROW:
        raise ValueError(f"{size} numbers in a row")
    return [(size,)]


def _divide(given: list[Array], told: dict[str, Any]) -> Array:
    found = np.asarray(given[0] / given[1])
    whole = given[0].dtype.kind in "iu"
    return np.trunc(found).astype(given[0].dtype) if whole else found


def _whole(array: Array) -> list[int]:
    return [int(each) for each in array.reshape(-1).tolist()]


RULES = {
    "Add": Rule(_broadcast, lambda given, told: np.add(*given)),
    "And": Rule(_broadcast),
    "Cast": Rule(_like, lambda given, told: given[0].astype(_KINDS[told["to"]])),
    "Clip": Rule(_like),
    "Concat": Rule(_concat, lambda given, told: np.concatenate(given, told["axis"])),
    "Constant": Rule(lambda given, told: [told["value"].shape]),
    "ConstantOfShape": Rule(lambda given, told: [tuple(_whole(given[0]))], decides=(0,)),
    "DequantizeLinear": Rule(_like),
    "Div": Rule(_broadcast, _divide),
    "Dropout": Rule(_like),
    "DynamicQuantizeLinear": Rule(_bytes_and_range),
    "Equal": Rule(_broadcast),
    "Erf": Rule(_like),
    "Flatten": Rule(_flatten),
    "Gather": Rule(_gather, lambda given, told: np.take(given[0], given[1], axis=told.get("axis", 0))),
    "Gemm": Rule(_gemm),
    "Identity": Rule(_like, lambda given, told: given[0]),
    "LayerNormalization": Rule(_like),
    "LessOrEqual": Rule(_broadcast),
    "MatMul": Rule(_product),
    "MatMulInteger": Rule(_product),
    "Mod": Rule(_broadcast, lambda given, told: np.mod(*given)),
    "Mul": Rule(_broadcast, lambda given, told: np.multiply(*given)),
    "Not": Rule(_like),
    "Pow": Rule(_broadcast),
    "QuantizeLinear": Rule(_like),
    "Range": Rule(_range, lambda given, told: np.arange(*(each.item() for each in given)), (0, 1, 2)),
    "Relu": Rule(_like),
    "Reshape": Rule(_reshape, lambda given, told: given[0].reshape(_reshape(given, told)[0]), (1,)),
    "Shape": Rule(_of_view(_shape), _shape, is_of_shape=True),
    "Slice": Rule(_of_view(_slice), _slice, (1, 2, 3, 4)),
    "Softmax": Rule(_like),
    "Sub": Rule(_broadcast, lambda given, told: np.subtract(*given)),
    "Tanh": Rule(_like),
    "Transpose": Rule(_of_view(_transpose)),
    "Unsqueeze": Rule(_of_view(_unsqueeze), _unsqueeze, (1,)),
    "Where": Rule(_broadcast),
}
"""Those that the exporter (opset 17) and the quantiser write; a number that no size depends on is not computed."""
