"""The sizes in config.json against those of the stored weights, before anything of these sizes is built."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from math import prod
from pathlib import Path

from mamebert.encoder.named.parameters import Shapes, parameter_shapes
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

OPTIONAL = "bert.pooler."
"""What an encoder may lack."""
_LAYER = "bert.encoder.layer."
_SEGMENTS = "bert.embeddings.token_type_embeddings.weight"
_POSITIONS = "bert.embeddings.position_embeddings.weight"
DECIDED = (".bias", ".LayerNorm.weight", ".gate.weight")
"""How names of weights in a layer end that some shapes have and others lack."""
_MOST_PER_BYTE = 8
"""Weights that can lie in a byte: of one bit each (BiBERT)."""


def require_fitting(shape: EncoderConfig, vocab_size: int, stored: Shapes, where: Path) -> None:
    """Raise a UserError unless the stored tensors, whose shapes `stored` has under our names, are such an encoder."""
    largest = max((max(each, default=1) for each in stored.values() if all(each)), default=1)
    _require_sizes(_sizes(shape, vocab_size), largest, where)
    _require_blocks(shape, len(stored), where)
    shapes = encoder_shapes(shape, vocab_size)
    _require_no_more(stored, shapes, where)
    for name, wanted in shapes.items():
        if name.startswith(OPTIONAL):
            continue
        if name not in stored:
            raise lacking(name, where)
        if stored[name] != wanted:
            raise unlike(name, stored[name], wanted, where)


def require_possible(
    shape: EncoderConfig, vocab_size: int, names: Collection[str], stored_bytes: int, where: Path
) -> None:
    """Raise a UserError where tensors of these names and bytes, however packed, cannot be an encoder of this shape."""
    most = _MOST_PER_BYTE * stored_bytes
    _require_blocks(shape, len(names), where)
    _require_sizes(_sizes(shape, vocab_size), most, where)
    shapes = encoder_shapes(shape, vocab_size)
    _require_no_more(names, shapes, where)
    needed = sum(prod(each) for name, each in shapes.items() if not name.startswith(OPTIONAL))
    if needed > most:
        raise UserError(
            f"{where} has a config.json that asks for {needed:,} weights, and what is stored, {stored_bytes:,} bytes, "
            "cannot be as many. Download or save it again."
        )


def encoder_shapes(shape: EncoderConfig, vocab_size: int) -> Shapes:
    """Return the shape of each parameter of an encoder; no memory is taken for their numbers."""
    if not shape.bottleneck:
        return {f"bert.{name}": each for name, each in parameter_shapes(shape, vocab_size).items()}
    from mamebert.encoder.model import Encoder
    from mamebert.encoder.shapes_alone import shapes_alone

    with shapes_alone():
        encoder = Encoder(shape, vocab_size)
    return {f"bert.{name}": tuple(parameter.shape) for name, parameter in encoder.named_parameters()}


def lacking(name: str, where: Path) -> UserError:
    """Return the error for weights that are not there."""
    return UserError(f"{where} lacks the weights {name}. It cannot be used here; give a model with that part.")


def unlike(name: str, found: tuple[int, ...], wanted: tuple[int, ...], where: Path) -> UserError:
    """Return the error for weights of another shape."""
    return UserError(
        f"{where} stores {name} as {found}, and its config.json asks for {wanted}. Download or save it again."
    )


def _sizes(shape: EncoderConfig, vocab_size: int) -> Iterator[tuple[str, int]]:
    yield "vocab_size", vocab_size
    yield "hidden_size", shape.hidden_size
    yield "embedding_size", shape.embedding_width
    if shape.positions == "learnt":
        yield "max_position_embeddings", shape.max_position_embeddings
    yield "type_vocab_size", shape.type_vocab_size
    yield "intermediate_size", max(shape.widths_by_layer)
    yield "num_attention_heads x head_size", max(shape.heads_by_layer) * shape.head_width
    if shape.bottleneck:
        yield "intra_bottleneck_size", shape.bottleneck.intra_bottleneck_size


def _require_blocks(shape: EncoderConfig, num_tensors: int, where: Path) -> None:
    owners = len({*shape.attention_owners, *shape.ffn_owners})
    blocks = owners * (shape.bottleneck.num_feedforward_networks if shape.bottleneck else 1)
    if blocks > num_tensors:
        raise UserError(
            f"{where} has a config.json with {blocks:,} blocks in layers of their own, and only {num_tensors:,} "
            "weights are stored. Download or save it again."
        )


def _require_no_more(names: Iterable[str], shapes: Mapping[str, tuple[int, ...]], where: Path) -> None:
    for name in names:
        if _is_left_over(name, shapes):
            raise UserError(
                f"{where} stores {name}, and its config.json asks for no such part. Download or save it again."
            )


def _is_left_over(name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Tell whether a tensor is of a layer, or of segments, that the shape has not: another network was stored."""
    if name.startswith(_LAYER):
        number = name.removeprefix(_LAYER).partition(".")[0]
        is_unknown = name not in shapes and name.endswith(DECIDED)
        return is_unknown or not any(each.startswith(f"{_LAYER}{number}.") for each in shapes)
    return name in (_SEGMENTS, _POSITIONS) and name not in shapes


def _require_sizes(sizes: Iterator[tuple[str, int]], largest: int, where: Path) -> None:
    for name, size in sizes:
        if size > largest:
            raise UserError(
                f"{where} has a config.json with {name} {size:,}, and none of its weights is as large as that. "
                "Download or save it again."
            )
