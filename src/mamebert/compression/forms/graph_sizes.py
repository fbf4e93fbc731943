"""The contents of a graph and the memory it asks for, read from its file before any program loads it.

`OPERATORS` are those that the exporter and the quantiser write; a test exports every task and finds no other. Each
tells the size of what it gives. Once the sizes of the inputs are known all others follow, since what decides them
(shapes, places to cut at) is a few numbers, which are computed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mamebert.compression.forms.graph_file import SMALL, GraphFile, Node, Stored, read_graph
from mamebert.compression.forms.graph_rules import RULES
from mamebert.errors import UserError

OPERATORS = frozenset(RULES)
_PER_WEIGHT, _FEW = 8, 1_000_000
"""Numbers that a graph may make of its weights alone, for each of them and at all: bytes become floats, and turn."""
_WRONG = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


class Impossible(UserError):
    """Inputs of a size that a graph cannot take, or a graph that can take none."""


def require_known(path: Path) -> GraphFile:
    """Return what a graph holds; one with anything in it that we do not write is a UserError."""
    try:
        graph = read_graph(path)
        for node in graph.nodes:
            if node.operator not in OPERATORS:
                raise ValueError(f"the operator {node.operator[:40]!r}")
    except ValueError as error:
        raise _refused(path, f"it is damaged or no graph of this toolkit: {str(error)[:120]}") from error
    return graph


def require_small(path: Path, graph: GraphFile, inputs: Mapping[str, Sequence[int]], most: int) -> None:
    """Raise a UserError where a graph makes more than `most` numbers of inputs of these sizes.

    What it makes of its weights alone may be some times as much as they are. Where it cannot take such inputs at all,
    the error is `Impossible`.
    """
    values = {"": _Value(np.empty(0)), **{name: _Value.of(stored) for name, stored in graph.weights.items()}}
    fixed = set(values)
    room = {True: _FEW + _PER_WEIGHT * sum(each.array.size for each in values.values()), False: most}
    values |= {name: _Value.unknown(tuple(size)) for name, size in inputs.items()}
    for node in graph.nodes:
        try:
            found = dict(zip(node.outputs, _made(node, [values[name] for name in node.inputs]), strict=False))
        except _WRONG as error:
            told = _refused(path, f"the sizes in its {node.operator} cannot be: {str(error)[:120]}")
            raise Impossible(str(told)) from error
        is_fixed = fixed.issuperset(node.inputs)
        room[is_fixed] -= sum(each.array.size for each in found.values())
        if room[is_fixed] < 0:
            raise _refused(path, f"its {node.operator} asks for more memory than a graph of this size needs")
        if is_fixed:
            fixed.update(node.outputs)
        values |= found


def _refused(path: Path, why: str) -> UserError:
    return UserError(f"{path} cannot be loaded ({why}). Download or save it again.")


class _Value:
    """An array; one of unknown numbers takes no memory, whatever its size."""

    def __init__(self, array: npt.NDArray[Any], known: bool = True) -> None:
        self.array, self.known = array, known

    @classmethod
    def of(cls, stored: Stored) -> "_Value":
        return cls.unknown(stored.shape) if stored.numbers is None else cls(stored.numbers)

    @classmethod
    def unknown(cls, shape: Sequence[int]) -> "_Value":
        return cls(np.broadcast_to(np.float32(0), shape), known=False)


def _made(node: Node, given: list[_Value]) -> list[_Value]:
    if node.operator == "Constant":
        return [_Value.of(node.settings["value"])]
    rule = RULES[node.operator]
    if not all(given[place].known for place in rule.decides if place < len(given)):
        raise ValueError("they depend on what is asked")
    arrays = [each.array for each in given]
    shapes = rule.shapes(arrays, node.settings)
    # Numbers are computed only where there are few.
    is_small = max(map(_size, [*shapes, *(each.shape for each in arrays)])) <= SMALL
    if rule.compute and is_small and (rule.is_of_shape or all(each.known for each in given)):
        with np.errstate(all="ignore"):
            return [_Value(np.asarray(rule.compute(arrays, node.settings)))]
    return [_Value.unknown(shape) for shape in shapes]


def _size(shape: Sequence[int]) -> int:
    size = 1
    for each in shape:
        size *= each
    return size
