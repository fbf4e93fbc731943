"""Hugging Face folders to networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from mamebert.checkpoints.fitting import lacking, unlike
from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.save import ANSWERS
from mamebert.checkpoints.weights import Tensors
from mamebert.encoder.heads import DiscriminatorHead
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.errors import UserError

N = TypeVar("N", bound=nn.Module)


def load_pretraining(
    path: Path, may_lack: tuple[str, ...] = ("bert.pooler.", "cls.seq_relationship.")
) -> PretrainingNetwork:
    """Open a folder, of any family known, as encoder with masked-word and sentence heads.

    Parameters whose names begin as one of `may_lack` are new where the folder has none; all others must be there.
    """
    folder = ModelFolder.open(path)
    return pretraining_network(folder, folder.tensors(), may_lack)


def pretraining_network(folder: ModelFolder, tensors: Tensors, may_lack: tuple[str, ...]) -> PretrainingNetwork:
    """Return the network of a folder with these of its tensors."""
    tied = bool(folder.config.get("tie_word_embeddings", True))
    if not tied and "cls.predictions.decoder.bias" in tensors:
        # Untied, this is the bias that transformers adds; the other is left over.
        tensors = tensors.beside({"cls.predictions.bias": tensors["cls.predictions.decoder.bias"]})
    network = PretrainingNetwork(folder.shape, folder.vocab_size, tied)
    told = folder.config.get("sentence_relations")
    network.cls.relations = tuple(map(str, told)) if isinstance(told, list) and len(told) == ANSWERS else ()
    return fill(network, tensors, folder.path, may_lack)


def load_discriminator(path: Path) -> tuple[Encoder, DiscriminatorHead]:
    """Open a folder of ElectraForPreTraining as an encoder and the head that tells which tokens were replaced."""
    folder = ModelFolder.open(path)
    parts = nn.ModuleDict({"bert": Encoder(folder.shape, folder.vocab_size)})
    parts["discriminator_predictions"] = DiscriminatorHead(folder.shape)
    fill(parts, folder.tensors(), folder.path, ("bert.pooler.",))
    encoder, head = parts.values()
    assert isinstance(encoder, Encoder)
    assert isinstance(head, DiscriminatorHead)
    return encoder, head


def fill(
    network: N, tensors: Mapping[str, Tensor], folder: Path, may_lack: tuple[str, ...], ignore: tuple[str, ...] = ()
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
                    raise lacking(name.removeprefix("head."), folder)
            elif value.shape != parameter.shape:
                raise unlike(name, tuple(value.shape), tuple(parameter.shape), folder)
            elif value.dtype != parameter.dtype:
                raise UserError(
                    f"{folder} stores {name} as {str(value.dtype).removeprefix('torch.')}, and weights are read from "
                    "float32, float16, bfloat16 and float64 only. Save the model as one of these."
                )
            else:
                parameter.copy_(value)
    return network
