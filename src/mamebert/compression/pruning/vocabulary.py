"""A tokenizer folder with some of its tokens, and the network that goes with it.

A text that was cut into kept tokens only is cut into the same ones: WordPiece takes the longest piece that fits and
Unigram the best row of pieces, and neither is among what is gone.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mamebert.compression.contract import Subject
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, write_text
from mamebert.files.json_files import read_object
from mamebert.tokenizer.files import TOKENIZER_FILES

Numbers = dict[int, int]
"""Old id to new id, for the tokens that stay."""

_KINDS = ("WordPiece", "Unigram")
_VOCAB_TXT_ALONE = (None, "BertTokenizer", "BertTokenizerFast", "BertJapaneseTokenizer")


def require_known_kind(folder: Path) -> None:
    """Raise a UserError where the tokenizer is of a kind that cannot lose tokens one by one."""
    if (folder / "tokenizer.json").is_file():
        kind = _read(folder / "tokenizer.json")["model"].get("type")
        known = kind in _KINDS
    else:
        named = folder / "tokenizer_config.json"
        kind = _read(named).get("tokenizer_class") if named.is_file() else None
        known = (folder / "vocab.txt").is_file() and kind in _VOCAB_TXT_ALONE
    if not known:
        raise UserError(
            f"The tokenizer of {folder} is of the kind {kind}, whose tokens are made of one another, so that none can "
            "be left out. Vocabularies of WordPiece (tokenizer.json or vocab.txt) and Unigram (tokenizer.json) can."
        )


def added_ids(folder: Path) -> set[int]:
    """Return the ids of tokens that the tokenizer finds in a text before anything else, the special ones among them."""
    found: set[int] = set()
    if (folder / "tokenizer.json").is_file():
        found |= {token["id"] for token in _read(folder / "tokenizer.json")["added_tokens"]}
    if (folder / "tokenizer_config.json").is_file():
        found |= {int(number) for number in _read(folder / "tokenizer_config.json").get("added_tokens_decoder", {})}
    if (folder / "added_tokens.json").is_file():
        found |= set(_read(folder / "added_tokens.json").values())
    return found


def worst_piece(folder: Path) -> set[int]:
    """Return the id of the least likely piece of a Unigram tokenizer, from which it takes what an unknown one costs."""
    if not (folder / "tokenizer.json").is_file():
        return set()
    model = _read(folder / "tokenizer.json")["model"]
    if model["type"] != "Unigram":
        return set()
    scores = [score for _, score in model["vocab"]]
    return {scores.index(min(scores))}


def write_tokenizer(source: Path, kept: Sequence[int], folder: Path) -> None:
    """Write the tokenizer of `source` with the tokens of these rising ids only, numbered anew from 0."""
    numbers = {old: new for new, old in enumerate(kept)}
    rules: dict[str, Callable[[Any, Numbers], Any]] = {
        "tokenizer.json": _fewer_in_description,
        "tokenizer_config.json": _fewer_in_config,
        "added_tokens.json": _fewer_in_names,
    }
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in TOKENIZER_FILES:
            path = source / name
            if not path.is_file() or path.suffix == ".model":  # another kind's, and no text
                continue
            if name in rules:
                made = rules[name](_read(path), numbers)
                text = json.dumps(made, ensure_ascii=False, indent=2) + "\n"
            else:
                text = path.read_text(encoding="utf-8")
            if name == "vocab.txt":
                lines = text.split("\n")  # a token may hold any other sign that ends a line
                text = "".join(f"{lines[number]}\n" for number in kept if number < len(lines))
            write_text(folder / name, text)


@torch.no_grad()
def with_tokenizer(subject: Subject, kept: Sequence[int], folder: Path) -> Subject:
    """Return the subject with those rows of its token table, and of what scores tokens; `folder` has the tokenizer."""
    rows, old = torch.tensor(list(kept), device=subject.bert.device), subject.network
    config = subject.bert.config
    shape = EncoderConfig.model_validate({**config.model_dump(), "pad_token_id": kept.index(config.pad_token_id)})
    network = subject.goal.network(shape, len(kept)).to(subject.bert.device)
    moved: dict[int, nn.Parameter] = {}  # the table may be the output matrix too, and stays one tensor then
    for name, parameter in old.named_parameters(remove_duplicate=False):
        if id(parameter) not in moved:
            value = _of_shape(parameter.detach(), network.get_parameter(name).shape, rows)
            moved[id(parameter)] = nn.Parameter(value, parameter.requires_grad)
        module, _, last = name.rpartition(".")
        setattr(network.get_submodule(module), last, moved[id(parameter)])
    for name, buffer in old.named_buffers():
        network.get_buffer(name).copy_(buffer)
    if hasattr(network, "cls"):
        network.cls.predictions.tied = old.cls.predictions.tied
    network.bert.compute_dtype = subject.bert.compute_dtype
    return replace(subject, network=network.train(old.training), folder=folder)


def _of_shape(tensor: Tensor, wanted: torch.Size, rows: Tensor) -> Tensor:
    """Return the chosen rows along the axis that runs over tokens: the one whose length is to change."""
    axes = [axis for axis, (a, b) in enumerate(zip(tensor.shape, wanted, strict=True)) if a != b]
    return tensor.index_select(axes[0], rows) if axes else tensor


def _fewer_in_description(told: dict[str, Any], numbers: Numbers) -> dict[str, Any]:
    model = dict(told["model"])
    if model["type"] == "Unigram":
        unknown = model.get("unk_id")
        model["unk_id"] = None if unknown is None else numbers[unknown]
        model["vocab"] = [piece for number, piece in enumerate(model["vocab"]) if number in numbers]
    else:
        in_order = sorted(model["vocab"].items(), key=lambda item: item[1])
        model["vocab"] = {token: numbers[number] for token, number in in_order if number in numbers}
    added = [{**token, "id": numbers[token["id"]]} for token in told["added_tokens"] if token["id"] in numbers]
    padding = told.get("padding")
    return {
        **told,
        "added_tokens": added,
        "padding": {**padding, "pad_id": numbers[padding["pad_id"]]} if padding else padding,
        "post_processor": _renumbered(told.get("post_processor"), numbers),
        "model": model,
    }


def _renumbered(told: Any, numbers: Numbers) -> Any:
    """Return what puts [CLS] and [SEP] around a text, with the new ids: "ids" of a template, or ["[SEP]", id]."""
    if isinstance(told, list):
        return [_renumbered(each, numbers) for each in told]
    if not isinstance(told, dict):
        return told
    made = {}
    for name, value in told.items():
        if name == "ids":
            made[name] = [numbers[number] for number in value]
        elif name in ("sep", "cls") and isinstance(value, list):
            made[name] = [value[0], numbers[value[1]]]
        else:
            made[name] = _renumbered(value, numbers)
    return made


def _fewer_in_config(told: dict[str, Any], numbers: Numbers) -> dict[str, Any]:
    if "added_tokens_decoder" not in told:
        return told
    by_number = {int(number): token for number, token in told["added_tokens_decoder"].items()}
    kept = {str(numbers[number]): token for number, token in by_number.items() if number in numbers}
    return {**told, "added_tokens_decoder": kept}


def _fewer_in_names(told: dict[str, int], numbers: Numbers) -> dict[str, int]:
    return {token: numbers[number] for token, number in told.items() if number in numbers}


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, "Get the tokenizer's folder anew.", finite=False)
