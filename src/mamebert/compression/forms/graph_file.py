"""An ONNX file read as bytes, before any program loads it: its operations, and the shapes of its tensors.

A graph is a program. Only the fields that exporters of ours write are known here (onnx.proto has their numbers):
numbers in other files, functions, graphs within graphs, sparse tensors and whatever is invented later are refused for
not being among them. Weights are passed over, so that nothing is copied, and the package `onnx` is not needed.
"""

import mmap
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.files.json_files import require_ordinary

SMALL = 4096
"""Numbers of a tensor up to which they are read: sizes are computed from few."""
MOST_FIELDS = 2_000_000
"""Fields in one file; those of a network of 24 layers are about 60,000."""
_MOST_AXES = 8
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
_INT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # how protobuf writes a field
_SIZES = {_DOUBLE: 8, _FLOAT: 4}


class _Field(NamedTuple):
    name: str
    how: int
    message: str = ""
    """What is within."""
    many: bool = False


_part, _parts = partial(_Field, how=_BYTES), partial(_Field, how=_BYTES, many=True)
_whole = partial(_Field, how=_INT)
_FIELDS: dict[str, dict[int, _Field]] = {
    "model": {
        1: _whole("ir_version"), 2: _part("producer"), 3: _part("producer_version"), 4: _part("domain"),
        5: _whole("version"), 6: _part("doc"), 7: _part("graph", message="graph"),
        8: _parts("opsets", message="opset"), 14: _parts("about"),
    },
    "opset": {1: _part("domain"), 2: _whole("version")},
    "graph": {
        1: _parts("nodes", message="node"), 2: _part("name"), 5: _parts("weights", message="tensor"),
        10: _part("doc"), 11: _parts("inputs", message="value"), 12: _parts("outputs"), 13: _parts("values"),
        14: _parts("quantised"), 16: _parts("about"),
    },
    "node": {
        1: _parts("inputs"), 2: _parts("outputs"), 3: _part("name"), 4: _part("operator"),
        5: _parts("settings", message="setting"), 6: _part("doc"), 7: _part("domain"), 9: _parts("about"),
    },
    "setting": {
        1: _part("name"), 2: _Field("float", _FLOAT), 3: _whole("int"), 4: _part("text"),
        5: _part("tensor", message="tensor"), 8: _Field("ints", _INT, many=True), 13: _part("doc"), 20: _whole("kind"),
    },
    "tensor": {
        1: _Field("dims", _INT, many=True), 2: _whole("type"), 4: _part("floats"), 5: _part("int32s"),
        7: _part("int64s"), 8: _part("name"), 9: _part("raw"), 10: _part("doubles"), 12: _part("doc"),
        14: _whole("elsewhere"),
    },
    "value": {1: _part("name"), 2: _part("type"), 3: _part("doc"), 4: _parts("about")},
}  # fmt: skip
_Message = dict[str, Any]


class Stored(NamedTuple):
    """A tensor of the file."""

    shape: tuple[int, ...]
    numbers: npt.NDArray[Any] | None
    """Where there are few."""


class Node(NamedTuple):
    """One operation; an input named "" is left out."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class GraphFile:
    """What a file says."""

    opset: int
    inputs: tuple[str, ...]
    weights: dict[str, Stored]
    nodes: tuple[Node, ...]


def read_graph(path: Path) -> GraphFile:
    """Return what an ONNX file holds; a ValueError tells what is in it that no graph of ours has."""
    require_ordinary(path)
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        # It is closed when the last view of it is gone.
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    model = _Reader(view).message(0, len(view), "model")
    graph = model.get("graph") or {}
    weights = {_text(each.get("name")): _stored(each) for each in graph.get("weights", [])}
    return GraphFile(
        _opset(model),
        tuple(_text(each.get("name")) for each in graph.get("inputs", [])),
        weights,
        tuple(map(_node, graph.get("nodes", []))),
    )


def _opset(model: _Message) -> int:
    found = {_text(each.get("domain")): int(each.get("version", 0)) for each in model.get("opsets", [])}
    if set(found) != {""}:
        raise ValueError(f"operators of {', '.join(repr(name[:40]) for name in found if name) or 'no version'}")
    return found[""]


def _node(told: _Message) -> Node:
    if domain := _text(told.get("domain")):
        raise ValueError(f"an operator of {domain[:40]!r}")
    return Node(
        _text(told.get("operator")),
        tuple(map(_text, told.get("inputs", []))),
        tuple(map(_text, told.get("outputs", []))),
        {_text(each.get("name")): _setting(each) for each in told.get("settings", [])},
    )


def _setting(told: _Message) -> Any:
    if "tensor" in told:
        return _stored(told["tensor"])
    return next((told[name] for name in ("ints", "int", "float", "text") if name in told), None)


def _stored(told: _Message) -> Stored:
    if told.get("elsewhere"):
        raise ValueError("numbers that lie in another file")
    kind, shape = _TYPES.get(told.get("type", 0)), tuple(told.get("dims", []))
    if kind is None or min(shape, default=0) < 0 or len(shape) > _MOST_AXES:
        raise ValueError(f"a tensor of kind {told.get('type', 0)} and shape {shape[:8]}")
    size = prod(shape)
    raw: memoryview = next(
        (told[name] for name in ("raw", "floats", "doubles", "int32s", "int64s") if name in told), memoryview(b"")
    )
    written: Any = kind if "raw" in told else np.float32 if "floats" in told else np.float64
    if "raw" not in told and ("int32s" in told or "int64s" in told):
        held = int(np.count_nonzero(np.frombuffer(raw, np.uint8) < 0x80))  # the last byte of each
        numbers = _varints(raw) if held <= SMALL else None
    else:
        held = len(raw) // np.dtype(written).itemsize
        numbers = np.frombuffer(bytes(raw), written, held) if held <= SMALL else None
    if size != held:
        raise ValueError(f"a tensor of {size} numbers, of which {held} are there")
    return Stored(shape, None if numbers is None else numbers.astype(kind).reshape(shape))


def _varints(raw: memoryview) -> npt.NDArray[np.int64]:
    reader, found = _Reader(raw), []
    while reader.at < len(raw):
        found.append(reader.varint(len(raw)))
    return np.array(found, np.int64)


def _text(raw: Any) -> str:
    return str(raw or b"", "utf-8")


class _Reader:
    def __init__(self, view: memoryview) -> None:
        self.view, self.at, self.fields = view, 0, 0

    def message(self, start: int, end: int, kind: str) -> _Message:
        """Return the fields between two places; those of messages within are read too."""
        found: _Message = {}
        self.at = start
        while self.at < end:
            key = self.varint(end)
            about = _FIELDS[kind].get(key >> 3)
            if about is None or key & 7 != about.how:
                raise ValueError(f"field {key >> 3} in a {kind}")
            self.fields += 1
            if self.fields > MOST_FIELDS:
                raise ValueError(f"more than {MOST_FIELDS:,} fields")
            value = self._value(about, end)
            if about.many:
                found.setdefault(about.name, []).append(value)
            elif about.name in found:
                raise ValueError(f"two times {about.name} in a {kind}")
            else:
                found[about.name] = value
        return found

    def _value(self, about: _Field, end: int) -> Any:
        if about.how == _INT:
            return self.varint(end)
        size = _SIZES.get(about.how) or self.varint(end)
        start, self.at = self.at, self.at + size
        if not start <= self.at <= end:
            raise ValueError("it ends too early")
        if about.message:
            return self.message(start, self.at, about.message)
        part = self.view[start : self.at]
        return float(np.frombuffer(bytes(part), np.float32)[0]) if about.how == _FLOAT else part

    def varint(self, end: int) -> int:
        """Return the number that begins here, one of 64 bits with a sign."""
        value = 0
        for place in range(10):
            if self.at >= end:
                raise ValueError("it ends too early")
            byte = self.view[self.at]
            self.at += 1
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                value &= 2**64 - 1
                return value - 2**64 if value >= 2**63 else value
        raise ValueError("a number of more than 64 bits")
