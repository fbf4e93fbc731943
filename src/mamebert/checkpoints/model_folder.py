"""The one place that opens a model folder: its files are checked against each other before anything is built."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from mamebert.checkpoints.fitting import require_fitting, require_possible
from mamebert.checkpoints.layouts import POSITIONS, Layout, encoder_config, layout_of
from mamebert.checkpoints.sentence_modules import MODULES, OLD_SETTINGS, encoder_inside
from mamebert.checkpoints.weights import (
    GET_ANEW,
    HEAD_FILE,
    INDEX,
    Arrays,
    Stored,
    Tensors,
    find_weights,
    num_bytes,
    read_header,
)
from mamebert.config import build
from mamebert.encoder.named.parameters import Shapes
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.files.checksums import verify
from mamebert.files.json_files import read_object
from mamebert.files.shipped import where_models_are
from mamebert.tokenizer.agreement import require_rules
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.files import TOKENIZER_FILES

CONFIG = "config.json"
USED = (
    "*.safetensors", INDEX, CONFIG, MODULES, *OLD_SETTINGS, "config_sentence_transformers.json", *TOKENIZER_FILES,
    "*/config.json", "*/model.safetensors", "onnx/*.onnx", "onnx/*.safetensors",
)  # fmt: skip
"""What in a model folder has a part in its answers: none of it may come later, where the folder is sealed."""
_MOST_CONFIG = 16 * 2**20
"""Bytes of a config.json: one with the names of 100,000 labels, twice, takes 10 MB."""


@dataclass(frozen=True)
class ModelFolder:
    """A Hugging Face folder whose config.json is that of its weights."""

    path: Path
    """The folder itself, where a run folder around it was given too."""
    config: dict[str, Any]
    """What config.json says."""
    layout: Layout
    """The family of plain classes."""
    shape: EncoderConfig
    vocab_size: int
    """Rows of the token table."""
    stored: dict[str, Stored] = field(repr=False)
    """The tensors of model.safetensors, or of its shards, under the names that they have there."""
    beside: dict[str, Stored] = field(repr=False)
    """Those of a head that no plain class holds, under ours."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read config.json and the headers of the weights; what does not belong together is a UserError.

        A file that is not what was written is one too, where the folder says what that was (SHA256SUMS). A folder
        without weights opens (a graph, for one); sizes cannot be compared then.
        """
        place = model_folder(path)
        verify(place, used=USED, around=CONFIG)
        config = read_config(place)
        about = config.get("mamebert") or {}
        if about.get("altered_by") and "shape" in about:
            layout, shape = _altered_shape(about, place)
        else:
            layout, shape = layout_of(config, str(place)), encoder_config(config, str(place))
        head = place / HEAD_FILE
        found = cls(
            path=place,
            config=config,
            layout=layout,
            shape=shape,
            vocab_size=_vocab_size(config, shape, place),
            stored=find_weights(place) if about.get("altered_by") else _stored(layout, shape, place),
            beside=read_header(head) if head.exists() else {},
        )
        found._require_fitting()
        return found

    @property
    def about(self) -> dict[str, Any]:
        """What config.json tells this toolkit alone: the task, what was learnt besides weights."""
        return self.config.get("mamebert") or {}

    @property
    def is_altered(self) -> bool:
        """Whether the arithmetic is not that of plain networks: a method of `compression` opens it."""
        return bool(self.about.get("altered_by"))

    @property
    def architecture(self) -> str:
        """The class of plain transformers that config.json names, or ""."""
        return str((self.config.get("architectures") or [""])[0])

    @property
    def bert_architecture(self) -> str:
        """The class that BERT has for what the family has this one for."""
        return self.layout.bert_architecture(self.architecture)

    def require_weights(self) -> None:
        """Raise a UserError for a folder without weights."""
        if not self.stored:
            raise _no_weights(self.path)

    def has_weights(self, begin: str) -> bool:
        """Tell whether there are weights whose names, as BERT's, begin so; only names are read."""
        return any(name.startswith(begin) for name in self._ours())

    def tensors(self) -> Tensors:
        """Return all weights, as `arrays` does, for torch."""
        return Tensors(self.arrays())

    def arrays(self) -> Arrays:
        """Return all weights under our names, those of a head that lies beside them too; numbers become float32.

        Each is read when it is asked for. Those of an altered network keep the names and types they have. A folder
        without weights, or numbers that are none, are a UserError.
        """
        self.require_weights()
        names = {name: name for name in self.stored} if self.is_altered else self._names
        # A head beside them may have names that weights are stored under and not asked for by.
        beside = {f"{HEAD_FILE}: {name}": each for name, each in self.beside.items()}
        return Arrays({**self.stored, **beside}, {**names, **{name: f"{HEAD_FILE}: {name}" for name in self.beside}})

    def tokenizer(self) -> Tokenizer:
        """Open the tokenizer; one with more tokens than the token table has rows is a UserError."""
        return tokenizer_for(self.path, self.vocab_size)

    def _require_fitting(self) -> None:
        if not self.stored:
            return
        if self.is_altered:
            require_possible(self.shape, self.vocab_size, self.stored, num_bytes(self.stored.values()), self.path)
            return
        require_fitting(self.shape, self.vocab_size, self._ours(), self.path)

    def _ours(self) -> Shapes:
        """Return the shapes of the stored tensors under our names."""
        return {name: self.stored[each].shape for name, each in self._names.items()}

    @cached_property
    def _names(self) -> dict[str, str]:
        """Our name of each stored tensor, with its own; two tensors of one name are a UserError."""
        own = {name: name for name in self.stored}
        ours = self.layout.ours(own, self.shape, self.architecture)
        if len(ours) < len(own):
            twice = next(iter({*own} - {*ours.values()}))
            raise UserError(
                f"{self.path} stores {twice} and the same weights under another name too, and one of the two would be "
                f"left out. {GET_ANEW}"
            )
        return ours


def model_folder(path: Path) -> Path:
    """Return the Hugging Face folder meant by `path`: itself, or the model inside a run folder."""
    for folder in (path, path / "model"):
        # The first releases of sentence-transformers have a config.json of their own beside the encoder's folder.
        if (encoder := encoder_inside(folder)) and (encoder / CONFIG).exists():
            return encoder
        if (folder / CONFIG).exists():
            return folder
    inside = sorted(p.parent.name for p in path.glob(f"models/*/{CONFIG}"))
    if len(inside) == 1:
        return path / "models" / inside[0]
    if inside:
        raise UserError(
            f"{path} holds several models. Name one: {', '.join(str(path / 'models' / n) for n in inside)}."
        )
    if not os.path.lexists(path):
        raise UserError(f"There is no folder {path}. {where_models_are()}")
    raise UserError(
        f"{path} is not a model folder (no {CONFIG}). "
        "Give a Hugging Face folder, or the output of pretrain or finetune."
    )


def read_config(path: Path) -> dict[str, Any]:
    """Return the config.json of a model folder, whose weights nobody has looked at yet."""
    file = model_folder(path) / CONFIG
    config = read_object(file, GET_ANEW, _MOST_CONFIG)
    for name, kind in _KINDS.items():
        if config.get(name) is not None and not isinstance(config[name], kind):
            raise UserError(f"{file} has {str(config[name])[:40]!r} for {name}, which is no {_SPELT[kind]}. {GET_ANEW}")
    if not all(isinstance(each, str) for each in config.get("architectures") or []):
        raise UserError(f"{file} does not name a class in architectures. {GET_ANEW}")
    return config


def tokenizer_place(path: Path) -> Path:
    """Return the folder of the tokenizer meant by `path`: that inside a run, of its vocabulary or model, or itself."""
    if (inside := path / "tokenizer").is_dir():
        return inside
    has_models = (path / "model").is_dir() or (path / "models").is_dir()
    return model_folder(path) if has_models else path


def tokenizer_for(folder: Path, num_rows: int) -> Tokenizer:
    """Open the tokenizer of a folder for a token table of so many rows; more tokens than that are a UserError.

    So are rules that plain `transformers` would not follow.
    """
    tokenizer = Tokenizer.open(folder)
    require_rules(folder, tokenizer.puts_nothing_around)
    if tokenizer.vocab_size > num_rows:
        raise UserError(
            f"The tokenizer of {folder} has {tokenizer.vocab_size} tokens and the model's table {num_rows} rows, so "
            "that some have none. Give the folder the tokenizer that the model was trained with."
        )
    return tokenizer


_KINDS: dict[str, type] = {
    "architectures": list,
    "model_type": str,
    "id2label": dict,
    "label2id": dict,
    "mamebert": dict,
    "tie_word_embeddings": bool,
    "is_decoder": bool,
}
_SPELT = {list: "list", str: "text", dict: "object", bool: "true or false"}


def _vocab_size(config: dict[str, Any], shape: EncoderConfig, where: Path) -> int:
    size = config.get("vocab_size")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise UserError(
            f"{where} has a config.json with the vocab_size {str(size)[:40]!r}, no number of tokens. {GET_ANEW}"
        )
    if shape.pad_token_id >= size:
        raise UserError(
            f"{where} has a config.json with pad_token_id {shape.pad_token_id} and vocab_size {size}, where ids end "
            f"at {size - 1}. {GET_ANEW}"
        )
    return size


def _stored(layout: Layout, shape: EncoderConfig, place: Path) -> dict[str, Stored]:
    skipped = layout.num_first_rows(shape)
    found = {
        name: each.without_first(skipped) if name.endswith(POSITIONS) else each
        for name, each in find_weights(place).items()
    }
    return layout.unfused(found, Stored.parts)


def _altered_shape(about: dict[str, Any], where: Path) -> tuple[Layout, EncoderConfig]:
    try:
        layout: Layout = Layout.find(str(about.get("family")))()
        return layout, build(layout.shape_class, about["shape"])
    except UserError as error:
        raise UserError(f"{where} has an invalid config.json: {error}") from error


def _no_weights(folder: Path) -> UserError:
    old = "pytorch_model.bin is a pickle, which can run code, and is never loaded; save it as safetensors first."
    way_out = old if (folder / "pytorch_model.bin").is_file() else "Give a folder that holds one."
    return UserError(f"{folder} has no model.safetensors. {way_out}")
