"""Hugging Face folders to networks."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from mamebert.checkpoints.layouts import encoder_config, layout_of
from mamebert.checkpoints.sentence_modules import encoder_inside
from mamebert.encoder.model import PretrainingNetwork
from mamebert.errors import UserError

N = TypeVar("N", bound=nn.Module)

HEAD_FILE = "head.safetensors"
"""Where a head lies that no plain class holds."""


def model_folder(path: Path) -> Path:
    """Return the Hugging Face folder meant by `path`: itself, or the model inside a run folder."""
    for folder in (path, path / "model"):
        if (folder / "config.json").is_file():
            return folder
        if (encoder := encoder_inside(folder)) and (encoder / "config.json").is_file():
            return encoder
    inside = sorted(p.parent.name for p in path.glob("models/*/config.json"))
    if len(inside) == 1:
        return path / "models" / inside[0]
    if inside:
        raise UserError(
            f"{path} holds several models. Name one: {', '.join(str(path / 'models' / n) for n in inside)}."
        )
    raise UserError(
        f"{path} is not a model folder (no config.json). "
        "Give a Hugging Face folder, or the output of pretrain or finetune."
    )


def load_pretraining(
    path: Path, may_lack: tuple[str, ...] = ("bert.pooler.", "cls.seq_relationship.")
) -> PretrainingNetwork:
    """Open a folder, of any family known, as encoder with masked-word and sentence heads.

    Parameters whose names begin as one of `may_lack` are new where the folder has none; all others must be there.
    """
    folder = model_folder(path)
    return pretraining_network(folder, *read_folder(folder), may_lack)


def pretraining_network(
    folder: Path, config: dict[str, Any], tensors: dict[str, Tensor], may_lack: tuple[str, ...]
) -> PretrainingNetwork:
    """Return the network of a folder that `read_folder` read."""
    tied = bool(config.get("tie_word_embeddings", True))
    if not tied and "cls.predictions.decoder.bias" in tensors:
        # Untied, this is the bias that transformers adds; the other is left over.
        tensors["cls.predictions.bias"] = tensors["cls.predictions.decoder.bias"]
    network = PretrainingNetwork(encoder_config(config, str(folder)), int(config["vocab_size"]), tied)
    return fill(network, tensors, folder, may_lack)


def read_config(path: Path) -> dict[str, Any]:
    """Return the config.json of a model folder."""
    folder = model_folder(path)
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / 'config.json'} is damaged ({error}). Get the folder anew.") from error
    return config


def read_folder(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the config.json and all tensors of a model folder, those of a head that lies beside the encoder too.

    Whatever family the model is of, the tensors have our names.
    """
    folder = model_folder(path)
    config = read_config(folder)
    layout, shape = layout_of(config, str(folder)), encoder_config(config, str(folder))
    weights = folder / "model.safetensors"
    if not weights.is_file():
        old = "pytorch_model.bin is a pickle, which can run code, and is never loaded; save it as safetensors first."
        way_out = old if (folder / "pytorch_model.bin").is_file() else "Give a folder that holds one."
        raise UserError(f"{folder} has no model.safetensors. {way_out}")
    beside = folder / HEAD_FILE
    return config, layout.ours(_stored(weights), shape) | (_stored(beside) if beside.is_file() else {})


def has_weights(path: Path, begin: str) -> bool:
    """Tell whether a model folder has weights whose names, as BERT's, begin so; only names are read."""
    folder = model_folder(path)
    config = read_config(folder)
    layout, shape = layout_of(config, str(folder)), encoder_config(config, str(folder))
    with safe_open(folder / "model.safetensors", "pt") as stored:
        names = layout.ours(dict.fromkeys(stored.keys(), torch.empty(0)), shape)
    return any(name.startswith(begin) for name in names)


def _stored(file: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(file)
        return tensors
    except SafetensorError as error:
        raise UserError(f"{file} is damaged ({error}). Get the folder anew.") from error


def fill(
    network: N, tensors: dict[str, Tensor], folder: Path, may_lack: tuple[str, ...], ignore: tuple[str, ...] = ()
) -> N:
    """Put stored tensors into a network and return it; what is missing or of another shape is a UserError.

    `may_lack` begins the names of parameters that stay as they are where the folder has none, `ignore` of those that
    stay so anyway; buffers are treated alike. A head's are stored without "head.", as plain transformers names them.
    """
    with torch.no_grad():
        for name, parameter in [*network.named_parameters(), *network.named_buffers()]:
            value = None if name.startswith(ignore) and ignore else tensors.get(name.removeprefix("head."))
            if value is None:
                if not name.startswith(may_lack):
                    raise UserError(
                        f"{folder} lacks the weights {name}. It cannot be used here; give a model with that part."
                    )
            elif value.shape != parameter.shape:
                raise UserError(
                    f"{folder} stores {name} as {tuple(value.shape)}, and its config.json asks for "
                    f"{tuple(parameter.shape)}. Get the folder anew."
                )
            else:
                parameter.copy_(value)
    return network
