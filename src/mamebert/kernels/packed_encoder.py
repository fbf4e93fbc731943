"""An encoder, and the head on it, in one call, for answers on a CPU: source/packed_encoder.cpp."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from mamebert.kernels.native import Array, Library
from mamebert.kernels.packed_parts import ACTIVATIONS, ENDS, DenseParts, EmbeddingParts, LayerParts, StepParts
from mamebert.kernels.ready_weights import (
    WIDEST,
    BFloat16Weight,
    Float32Weight,
    Floats,
    Int8Weight,
    ReadyWeight,
    floats_of,
    ready_of,
)

if TYPE_CHECKING:
    from torch import Tensor

NUMBERS_OF_EMBEDDINGS, NUMBERS_OF_A_LAYER, NUMBERS_OF_A_STEP = 14, 50, 9
"""As the structs of the source have them."""
Kind = type[Float32Weight] | type[Int8Weight] | type[BFloat16Weight]
KINDS: tuple[Kind, ...] = (Float32Weight, Int8Weight, BFloat16Weight)
"""In the order of the source."""
Ints = npt.NDArray[np.int64]


class PackedHead(NamedTuple):
    """Where the kernel finds the steps of a head."""

    table: Ints
    """[steps, 9]."""
    kept: tuple[Array, ...]
    """What the addresses lead to."""
    width: int
    """Outputs of a token."""
    eps: float

    @classmethod
    def of(
        cls, steps: Sequence[StepParts], in_features: int, eps: float, kinds: Collection[Kind] = (Float32Weight,)
    ) -> Self | None:
        """Return a head over rows of `in_features` as kernels read it; None where they cannot.

        None too where weights were not made ready as one of `kinds`.
        """
        found, width = _Addresses(), in_features
        rows: list[list[int]] = []
        for number, step in enumerate(steps):
            row = found.of_step(step)
            last, out = number == len(steps) - 1, len(step.dense.bias)
            plain = last and step.activation == "none" and not step.norm
            if row is None or found.in_features != width or (out % 16 and not plain) or not out:
                return None
            rows, width = [*rows, row], out
        if not rows or not found.kinds <= {*kinds} or not found.all_floats:
            return None
        table = np.array(rows, np.int64)
        assert table.shape[1] == NUMBERS_OF_A_STEP
        return cls(table, tuple(found.kept), width, eps)

    def of_rows(self, library: Library, rows: Floats) -> Floats:
        """Return [rows, outputs] of rows [rows, in_features] that are no hidden states, for heads in float32 alone.

        What is made of a row does not depend on the others.
        """
        rows, out = np.ascontiguousarray(rows), np.empty((len(rows), self.width), np.float32)
        if len(rows):
            library("steps_of_rows", rows, *rows.shape, out, self.table, len(self.table), self.eps)
        return out


@dataclass(frozen=True)
class PackedEncoder:
    """Where the kernel finds what layers are made of; a copy would point to what it is not, so it is never copied."""

    embeddings: Ints
    """[14]: tables and their sizes, norm and what widens."""
    table: Ints
    """[layers, 50]: addresses, widths, heads and what is seen."""
    kept: tuple[Array, ...]
    """What the addresses lead to."""
    hidden_size: int
    head_width: int
    eps: float
    kind: int
    """Which of KINDS the weights are."""

    def __deepcopy__(self, memo: object) -> None:
        """Return nothing: a copied encoder answers layer by layer until it is made ready itself."""

    @classmethod
    def of(cls, embeddings: EmbeddingParts, layers: Sequence[LayerParts], head_width: int, eps: float) -> Self | None:
        """Return the layers as the kernel reads them; None where it cannot, or they were not all made ready alike."""
        found = _Addresses()
        rows = [row for parts in layers if (row := found.of_layer(parts)) is not None]
        kinds, size = set(found.kinds), len(layers[-1].dense[-1].bias) if layers else 0
        widths = [head_width, embeddings.words.shape[1], *(len(each.bias) for parts in layers for each in parts.dense)]
        widths += [head_width // 2 for parts in layers if parts.angles]
        if len(rows) < len(layers) or not rows or len(kinds) != 1 or any(n % 16 or not n for n in widths):
            return None
        first = found.of_embeddings(embeddings)
        if first is None or not found.all_floats:
            return None
        table, about = np.array(rows, np.int64), np.array(first, np.int64)
        assert (len(about), table.shape[1]) == (NUMBERS_OF_EMBEDDINGS, NUMBERS_OF_A_LAYER)
        return cls(about, table, tuple(found.kept), size, head_width, eps, KINDS.index(kinds.pop()))

    def head(self, steps: Sequence[StepParts]) -> PackedHead | None:
        """Return a head as the kernel reads it; None where it cannot, or it was not made ready as it has to be.

        Its weights are float32 or of the kind of the layers.
        """
        return PackedHead.of(steps, self.hidden_size, self.eps, {Float32Weight, KINDS[self.kind]})

    def __call__(
        self,
        library: Library,
        ids: Ints,
        segments: Ints,
        starts: Ints,
        asked: tuple[Ints, Ints] | None = None,
        head: PackedHead | None = None,
    ) -> Floats | None:
        """Return the last hidden states [tokens, hidden_size] of words and segments, [tokens] each.

        None where one of them, or a place in its sequence, is beyond the tables, and nothing was computed.

        `starts` [sequences + 1] says where each sequence begins. With `asked` only some tokens' come back,
        [rows, hidden_size]: their places in rising order [rows], and where those of each sequence begin among them
        [sequences + 1]. With a head it is what that makes of them, [rows, outputs].
        """
        rows, width = len(ids if asked is None else asked[0]), head.width if head else self.hidden_size
        out = np.empty((rows, width), np.float32)
        return out if self._written(library, (ids, segments, starts), asked, out, head=head) else None

    def states(
        self, library: Library, batch: tuple[Ints, Ints, Ints], numbers: Sequence[int], asked: tuple[Ints, Ints] | None
    ) -> Floats | None:
        """Return hidden states of several layers, [numbers, tokens or rows, hidden_size]: 0 are the embeddings.

        A batch is ids, segments and starts; None as where the last states alone are asked.
        """
        rows, last, which = len(batch[0] if asked is None else asked[0]), len(self.table), sorted(set(numbers))
        found = np.empty((len(which), rows, self.hidden_size), np.float32)
        kept = np.full(last, -1, np.int64)
        for slot, number in enumerate(which):
            kept[number:][:1] = slot  # the last ones come back as they do by themselves
        out = found[-1] if last in which else np.empty_like(found[0])
        if not self._written(library, batch, asked, out, (kept, found)):
            return None
        return found if which == [*numbers] else found[[which.index(number) for number in numbers]]

    def _written(
        self,
        library: Library,
        batch: tuple[Ints, Ints, Ints],
        asked: tuple[Ints, Ints] | None,
        out: Floats,
        kept: tuple[Ints, Floats] | None = None,
        head: PackedHead | None = None,
    ) -> bool:
        """Write into `out`, and into what is kept; tell whether all words and places were those of the tables."""
        ids, segments, starts = (np.ascontiguousarray(each) for each in batch)
        places, wanted = (None, starts) if asked is None else (np.ascontiguousarray(each) for each in asked)
        if not len(out):
            return True
        steps, num_steps = (head.table, len(head.table)) if head else (None, 0)
        return not library(
            "encode_packed", ids, segments, starts, len(starts) - 1, places, wanted, out, *(kept or (None, None)),
            self.hidden_size, self.head_width, self.embeddings, self.table, len(self.table), steps, num_steps,
            self.eps, self.kind,
        )  # fmt: skip


class _Addresses:
    def __init__(self) -> None:
        self.kept: list[Array] = []
        self.kinds: set[Kind] = set()
        self.all_floats = True
        """Whether all that is no weight of a dense layer is float32."""
        self.in_features = 0
        """Of the last dense layer."""

    def of_embeddings(self, parts: EmbeddingParts) -> list[int] | None:
        tables = [self._floats(each) for each in (parts.words, parts.positions, parts.segments)]
        sizes = [len(parts.words), parts.num_positions, parts.num_segments]
        widened: list[int] | None = [0] * 5
        if parts.widened is not None:
            is_exact = isinstance(_ready(parts.widened), Float32Weight)
            widened = self._of_dense(parts.widened) if is_exact else None
        norm = self._of_norm(parts.norm)
        return None if widened is None else [*tables, *norm, parts.words.shape[1], *sizes, *widened]

    def of_layer(self, parts: LayerParts) -> list[int] | None:
        *others, outer = parts.dense
        row: list[int] = []
        for dense in (*others, parts.gate, outer):
            found = [0] * 5 if dense is None else self._of_dense(dense)
            if found is None or parts.activation not in ACTIVATIONS:
                return None
            row += found
        for norm in parts.norms:
            row += self._of_norm(norm)
        seen = [self._floats(each) for each in (parts.slopes, *(parts.angles or (None, None)))]
        return [*row, *parts.reach, *seen, parts.num_heads, ACTIVATIONS.index(parts.activation)]

    def of_step(self, step: StepParts) -> list[int] | None:
        ready = _ready(step.dense)
        dense = self._of_dense(step.dense, filled_to=WIDEST)
        if dense is None or not isinstance(ready, KINDS) or step.activation not in ENDS:
            return None
        return [*dense, *self._of_norm(step.norm), KINDS.index(type(ready)), ENDS.index(step.activation)]

    def _of_norm(self, norm: DenseParts | None) -> list[int]:
        if norm is None:
            return [0, 0]
        return [self._floats(norm.weight), self._floats(norm.bias)]

    def _of_dense(self, dense: DenseParts, filled_to: int = 1) -> list[int] | None:
        ready, bias = _ready(dense), floats_of(dense.bias)
        if not isinstance(ready, KINDS) or bias is None:
            return None
        self.kinds.add(type(ready))
        self.in_features = ready.in_features
        more = (ready.steps, ready.totals) if isinstance(ready, Int8Weight) else (None, None)
        filled = np.pad(bias, (0, -len(bias) % filled_to))
        return [self._of(each) for each in (ready.panels, *more, filled)] + [ready.out_features]

    def _floats(self, numbers: "Tensor | Array | None") -> int:
        found = None if numbers is None else floats_of(numbers)
        self.all_floats &= numbers is None or found is not None
        return self._of(found)

    def _of(self, array: Array | None) -> int:
        if array is None:
            return 0
        self.kept.append(array)
        return int(array.ctypes.data)


def _ready(dense: DenseParts) -> ReadyWeight | None:
    return None if isinstance(dense.weight, np.ndarray) else ready_of(dense.weight)
