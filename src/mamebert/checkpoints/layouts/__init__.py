"""Classes of plain `transformers` that hold our networks, and their names of weights: ONE FILE PER FAMILY.

A network has one set of parameter names here, BERT's, whatever it is (Encoder, PretrainingNetwork, TaskNetwork). A
layout turns shape and tensors into what a family's own classes read, and back.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from mamebert.config import Choice, build
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

S = TypeVar("S")
OURS = "mamebert"
"""The layout of what no plain class holds."""
BERT = "Bert"
"""How classes begin by whose names tasks ask for an architecture: BertForTokenClassification."""
DECODER = "LMHeadModel"
"""How the class of a network ends that reads from left to right and scores the next word."""
LEFT_TO_RIGHT = "left_to_right"
"""What config.json says, beside `is_decoder`, of a network that was trained here to read so."""
TASKS = ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MultipleChoice")
CLASSES = frozenset({"Model", "ForMaskedLM", *(f"For{task}" for task in TASKS)})


class Layout(Choice):
    """A family of plain classes; `kind` is the `model_type` of its config.json."""

    prefix: ClassVar[str]
    """How the names of its classes begin, such as "Albert"."""
    base: ClassVar[str]
    """How the names of an encoder's parameters begin, such as "albert."."""
    shape_class: ClassVar[type[EncoderConfig]] = EncoderConfig
    """What describes its networks."""
    classes: ClassVar[frozenset[str]] = CLASSES
    """What of its class names follows the prefix."""
    also: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Other `model_type`s whose classes compute the same and name weights alike, with their prefixes; only read."""
    head: ClassVar[str] = "pooler"
    """What its networks have as `EncoderConfig.head`."""
    pretraining: ClassVar[str] = "ForMaskedLM"
    """The class that holds an encoder with its masked-word head."""
    renamed: ClassVar[Sequence[tuple[str, str]]] = ()
    """Beginnings of parameter names, ours and theirs, the first that fits counts; {} stands for a layer's number."""

    fused: ClassVar[Sequence[tuple[str, tuple[str, ...]]]] = ()
    """Parts of its parameter names that stand for several matrices, one above the other, and what these are called
    before they are renamed."""
    table: ClassVar[str] = "embeddings.word_embeddings.weight"
    """Its name of the token table, `base` aside."""
    unsaid: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What a config.json means that leaves these out, by our names, where it is not what `shape_class` has."""

    @abstractmethod
    def holds(self, shape: EncoderConfig) -> bool:
        """Tell whether its classes compute what a network of this shape does. At most one family holds a shape."""

    @abstractmethod
    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of `shape_class` that a config.json of this family says."""

    @abstractmethod
    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the config.json of a shape, without vocabulary and architecture."""

    def architecture(self, bert: str) -> str:
        """Return the class for what BERT has this class for, "BertForTokenClassification"; "" if there is none."""
        wanted = bert.removeprefix(BERT)
        wanted = self.pretraining if wanted == "ForPreTraining" else wanted
        return self.prefix + wanted if bert.startswith(BERT) and wanted in self.classes else ""

    def bert_architecture(self, theirs: str) -> str:
        """Return BERT's class for what this family has this class for; an unknown name as it is."""
        prefix = next((each for each in (self.prefix, *self.also.values()) if theirs.startswith(each)), None)
        return theirs if prefix is None else BERT + theirs.removeprefix(prefix)

    def num_first_rows(self, shape: EncoderConfig) -> int:
        """Return how many rows its position table has before that of the first token."""
        return 0

    def place(self, name: str, architecture: str) -> str | None:
        """Return how a class of this family names a parameter of ours; None where it has none of the kind."""
        for ours, theirs in self.renamed:
            if found := _fits(ours, name):
                return theirs.format(*found.groups()) + name[found.end() :]
        return name

    def theirs(self, tensors: Mapping[str, "Tensor"], shape: EncoderConfig, architecture: str) -> "dict[str, Tensor]":
        """Return a network's tensors, in our names, as the class `architecture` reads them.

        What it has no place for is left out. Weights that several layers share are repeated.
        """
        placed = {self.place(name, architecture): tensor for name, tensor in unrolled(tensors, shape).items()}
        return self._joined({name: tensor for name, tensor in placed.items() if name is not None})

    def ours(self, tensors: Mapping[str, S], shape: EncoderConfig, architecture: str = "") -> dict[str, S]:
        """Return tensors of a class of this family, any if not told, in our names; one not known keeps its own.

        None of them is `fused`.
        """
        wrapper, base = self._wrapping(tensors)
        bare = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
        if not base:
            bare = {self.base + name if name.startswith(PARTS) else name: tensor for name, tensor in bare.items()}
        return {self._our_name(name): tensor for name, tensor in bare.items()}

    def unfused(self, stored: Mapping[str, S], parts_of: Callable[[S, int], Sequence[S]]) -> dict[str, S]:
        """Return what is stored under each name, with `parts_of` it where it is several matrices."""
        found: dict[str, S] = {}
        for name, each in stored.items():
            fused = next(((whole, parts) for whole, parts in self.fused if whole in name), None)
            if fused is None:
                found[name] = each
                continue
            whole, parts = fused
            found |= {name.replace(whole, part): of for part, of in zip(parts, parts_of(each, len(parts)), strict=True)}
        return found

    def _joined(self, tensors: Mapping[str, "Tensor"]) -> "dict[str, Tensor]":
        """Return tensors with the weights and biases that lie in one joined.

        What else belongs to a matrix, such as the range of what it reads, is no row of it and keeps its own name.
        """
        from torch import cat

        found = dict(tensors)
        for whole, parts in self.fused:
            joined = tuple(f"{parts[0]}{each}" for each in ("weight", "bias"))
            for name in [name for name in found if name.endswith(joined)]:
                found[name.replace(parts[0], whole)] = cat([found.pop(name.replace(parts[0], p)) for p in parts])
        return found

    def _wrapping(self, names: Iterable[str]) -> tuple[str, str]:
        """Return what stands before all names, as programs that wrap a model leave it there, and before the encoder's.

        The latter is this family's base, or nothing where the encoder was saved alone.
        """
        table = next((name.removesuffix(self.table) for name in names if name.endswith(self.table)), self.base)
        base = self.base if f".{table}".endswith(f".{self.base}") else ""
        return table.removesuffix(base), base

    def _our_name(self, name: str) -> str:
        for ours, theirs in self.renamed:
            if found := _fits(theirs, name):
                return ours.format(*found.groups()) + name[found.end() :]
        return name


def layouts() -> list[Layout]:
    """Return all families, the layout of ours aside."""
    return [Layout.find(kind)() for kind in Layout.names() if kind != OURS]


def layout_for(shape: EncoderConfig) -> Layout | None:
    """Return the family whose plain classes hold a network of this shape, if there is one."""
    alike = (each for each in layouts() if type(shape) is each.shape_class and each.head == shape.head)
    held = (each for each in alike if each.holds(shape))
    return next((each for each in held if DECODER in each.classes or not shape.is_decoder), None)


def layout_or_ours(shape: EncoderConfig) -> Layout:
    """Return the family that holds a shape, or where none does the layout of ours."""
    found: Layout = layout_for(shape) or Layout.find(OURS)()
    return found


def layout_of(config: dict[str, Any], where: str) -> Layout:
    """Return the family of a config.json; one that is not known is refused, never loaded half."""
    kind = config.get("model_type")
    if kind in Layout.names():
        found: Layout = Layout.find(str(kind))()
        return found
    known = [name for each in layouts() for name in (each.kind, *each.also)]
    alike = next((each for each in layouts() if kind in each.also), None)
    if alike is None:
        raise UserError(
            f"{where} holds a model of type {kind!r}, not a BERT or one of its kin. "
            f"Give a folder whose config.json says model_type {' or '.join((*known, OURS))}."
        )
    return alike


def encoder_config(config: dict[str, Any], where: str) -> EncoderConfig:
    """Return the shape in a config.json; a model of another family is refused, never loaded half."""
    layout = layout_of(config, where)
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise UserError(
            f"{where} uses {config['position_embedding_type']!r} positions, and only absolute ones are known. "
            "Give another model."
        )
    has_decoder_head = str((config.get("architectures") or [""])[0]).endswith(DECODER)
    is_decoder = bool(config.get("is_decoder"))
    if is_decoder or has_decoder_head:
        _require_a_decoder_that_we_write(config, layout, where)
    if "vocab_size" not in config:
        raise UserError(f"{where} has no vocab_size in its config.json. Download or save it again.")
    try:
        known = {name: value for name, value in layout.read(config).items() if value is not None}
        _require_numbers(known)
        known = {**layout.unsaid, **known, **({"is_decoder": True} if is_decoder else {})}
        known["hidden_act"] = SAME_ACTIVATIONS.get(str(known.get("hidden_act")), known.get("hidden_act", "gelu"))
        return build(layout.shape_class, known)
    except UserError as error:
        raise UserError(f"{where} has an invalid config.json: {error}") from error


def _require_a_decoder_that_we_write(config: dict[str, Any], layout: Layout, where: str) -> None:
    if config.get(LEFT_TO_RIGHT) is not True or DECODER not in layout.classes or config.get("add_cross_attention"):
        raise UserError(f"{where} holds a decoder, which reads to the left only. Give a BERT encoder.")


def _require_numbers(known: Mapping[str, Any]) -> None:
    # In settings that people write, true is 1 and 0 means the usual size; no folder says either.
    for name in BASIC:
        value = known.get(name)
        if isinstance(value, bool) or (name in ("num_attention_heads", "intermediate_size") and value == 0):
            raise UserError(f"{name} is {str(value).lower()}, which is no size. Download or save it again.")


def model_config(shape: EncoderConfig, vocab_size: int, bert: str, **more: Any) -> dict[str, Any]:
    """Return the config.json for what BERT has the class `bert` for, in the family that holds the shape."""
    layout = layout_or_ours(shape)
    return {
        "architectures": [layout.architecture(bert)],
        "model_type": layout.kind,
        "vocab_size": vocab_size,
        **layout.write(shape),
        "dtype": "float32",
        **more,
    }


def regular_fields(shape: EncoderConfig) -> dict[str, Any]:
    """Return what BERT's config.json says of a shape whose layers are alike."""
    told = {name: getattr(shape, name) for name in BASIC}
    return {
        **told,
        "num_attention_heads": shape.heads_by_layer[0],
        "intermediate_size": shape.widths_by_layer[0],
        "hidden_act": shape.hidden_act,
    }


SAME_ACTIVATIONS = {"gelu_python": "gelu", "gelu_pytorch_tanh": "gelu_new", "gelu_fast": "gelu_new"}
"""Other names in `transformers` for what is known."""
POSITIONS = "embeddings.position_embeddings.weight"
"""How the name of the table of positions ends, in all families that have one."""
PARTS = ("embeddings", "encoder.", "transformer.", "pooler.", "layers.", "final_norm.")
"""How the names of an encoder's parameters begin, in all families, where it was saved without a head."""
BASIC = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "pad_token_id",
    "layer_norm_eps",
    "initializer_range",
)
"""Settings that BERT's config.json has under the same names, in the order in which it is written."""

_LAYER = "bert.encoder.layer."


def unrolled(tensors: Mapping[str, "Tensor"], shape: EncoderConfig) -> "dict[str, Tensor]":
    """Return the tensors with one copy for each layer of what layers share."""
    halves = {".attention.": shape.attention_owners, ".intermediate.": shape.ffn_owners, ".output.": shape.ffn_owners}
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        number, _, rest = name.removeprefix(_LAYER).partition(".")
        half = next((half for half in halves if f".{rest}".startswith(half)), None)
        if not name.startswith(_LAYER) or half is None:
            found[name] = tensor
            continue
        users = [layer for layer, owner in enumerate(halves[half]) if owner == int(number)]
        found |= {f"{_LAYER}{layer}.{rest}": tensor for layer in users}
    return found


def _fits(beginning: str, name: str) -> re.Match[str] | None:
    return re.match(re.escape(beginning).replace(r"\{\}", r"(\d+)"), name)
