"""The weights of a folder as kernels read them: arrays, those of dense layers laid out. Torch has no part in it."""

from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mamebert.checkpoints.layouts import Layout, layouts
from mamebert.checkpoints.model_folder import ModelFolder, read_config
from mamebert.encoder.named.kernel_parts import WIDENS, dense_weights, is_kept_twice
from mamebert.encoder.named.parameters import Shapes, parameter_shapes
from mamebert.kernels.native import Array, kernels
from mamebert.kernels.ready_weights import Precision, laid_out

ENCODER = "bert."
"""How the names of an encoder's parameters begin."""


def open_for_kernels(place: Path) -> ModelFolder | None:
    """Open a folder of an ordinary encoder; None where there are no kernels, or it is none that they may know."""
    config = read_config(place)
    kind, is_altered = config.get("model_type"), bool((config.get("mamebert") or {}).get("altered_by"))
    if is_altered or kernels() is None or kind not in {*Layout.names(), *(a for each in layouts() for a in each.also)}:
        return None
    folder = ModelFolder.open(place)
    return folder if folder.stored and not folder.shape.bottleneck else None


def laid_out_weights(
    folder: ModelFolder,
    head: Shapes,
    others: Shapes,
    dense: Mapping[str, str],
    precision: Precision,
    beside: Mapping[str, Array] = MappingProxyType({}),
) -> dict[str, Any] | None:
    """Return the weights of an encoder and of a head by their names, layers in a precision and the head in float32.

    `head` has the shapes of what the head is of, `others` of what is only looked at where it is there. `dense` names
    weights of the head that are laid out, each with the one that they are made of. `beside` are weights that lie in
    files of other libraries, and count where a name is that of both. None where something lacks or is of another shape,
    and where weights would not be kept twice; numbers that are none are a UserError.
    """
    stored, shape = folder.arrays(), folder.shape
    arrays = ChainMap[str, Array](dict(beside), stored)  # type: ignore[arg-type]  # nothing is written into them
    encoder = _prefixed(parameter_shapes(shape, folder.vocab_size))
    inner = _prefixed(dense_weights(shape))
    sizes = [*inner.values(), *(encoder[name] for name in dense.values() if name in encoder)]
    if not is_kept_twice(sum(rows * width for rows, width in sizes), precision) or not head.keys() <= arrays.keys():
        return None
    # What is there and not asked is read as well: a number that is none is told of, whoever opens the folder.
    known = {name: each for name, each in {**encoder, **others, **head}.items() if name in arrays}
    if any((beside[name].shape if name in beside else stored.shape(name)) != each for name, each in known.items()):
        return None
    weights: dict[str, Any] = {name: arrays[name] for name in known}
    kinds: dict[str, Precision] = {**dict.fromkeys(inner, precision), f"{ENCODER}{WIDENS}": "float32"}
    made = {name: laid_out(weights[name], kind) for name, kind in kinds.items() if name in weights}
    return {**weights, **made, **{name: laid_out(weights[of], "float32") for name, of in dense.items()}}


def within(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of a network's encoder, by the names that it gives them."""
    return {name.removeprefix(ENCODER): each for name, each in weights.items() if name.startswith(ENCODER)}


def _prefixed(shapes: Shapes) -> Shapes:
    return {f"{ENCODER}{name}": each for name, each in shapes.items()}
