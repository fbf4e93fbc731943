"""Networks to Hugging Face folders."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from mamebert.checkpoints.layouts import BERT, DECODER, layout_for, layout_or_ours, model_config
from mamebert.checkpoints.layouts.electra import DISCRIMINATOR
from mamebert.checkpoints.sentence_transformers import Modules, module_files
from mamebert.checkpoints.weights import HEAD_FILE, WEIGHTS
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.named.kernel_parts import SEGMENTS
from mamebert.files.checksums import seal
from mamebert.files.disk import disk_errors, partial, put_in_place, save_tensors, write_text
from mamebert.files.json_files import read_object
from mamebert.tokenizer.copying import copy_tokenizer

ANSWERS = 2
"""Of a plain class, about a pair of segments."""


def save_pretraining(
    network: PretrainingNetwork,
    tokenizer_folder: Path,
    folder: Path,
    modules: Modules | None = None,
    has_heads: bool = True,
) -> None:
    """Write a folder that BertForPreTraining, BertForMaskedLM and BertModel open, or their like of another family.

    What a family has no such head for lies beside in a file of its own. With `modules` it opens in
    `sentence-transformers` too; without heads, that have learnt nothing, it is an encoder alone. A decoder opens in
    BertLMHeadModel. Plain classes know two answers about pairs of segments; of three the first and the last are kept,
    which leaves out the pairs in the wrong order.
    """
    head = network.cls.predictions
    # named_parameters lists a tied matrix once, as transformers stores it.
    tensors: dict[str, Tensor] = {n: t for n, t in network.named_parameters() if not n.startswith("beside.")}
    texts = module_files(modules, network.bert.config.hidden_size) if modules else {}
    if not has_heads:
        encoder = {name: tensor for name, tensor in tensors.items() if name.startswith("bert.")}
        save_task(network.bert, encoder, tokenizer_folder, folder, "BertModel", {}, texts)
        return
    if not head.tied:
        tensors["cls.predictions.decoder.bias"] = head.bias  # untied, transformers adds the decoder's own copy
    more: dict[str, Any] = {"tie_word_embeddings": head.tied}
    if not network.bert.config.has_pretrained_pooler and not network.bert.config.has_prediction_head:
        tensors = {n: t for n, t in tensors.items() if not n.startswith("bert.pooler.")}
    if network.bert.config.is_decoder and layout_for(network.bert.config):
        alone = {n: t for n, t in tensors.items() if not n.startswith(("bert.pooler.", "cls.seq_relationship."))}
        save_task(network.bert, alone, tokenizer_folder, folder, BERT + DECODER, more)
        return
    if relations := network.cls.relations:
        kept = relations if len(relations) == ANSWERS else (relations[0], relations[-1])
        rows = [relations.index(each) for each in kept]
        tensors |= {name: tensor[rows] for name, tensor in tensors.items() if name.startswith("cls.seq_relationship.")}
        more["sentence_relations"] = list(kept)
    save_task(network.bert, tensors, tokenizer_folder, folder, "BertForPreTraining", more, texts)


def save_discriminator(bert: Encoder, head: nn.Module, tokenizer_folder: Path, folder: Path) -> None:
    """Write a folder that ElectraForPreTraining and ElectraModel open; `head` tells which tokens were replaced."""
    own = ((name, tensor) for name, tensor in bert.named_parameters() if not name.startswith("pooler."))
    named: dict[str, Tensor] = {f"bert.{name}": tensor for name, tensor in own}
    named |= {f"discriminator_predictions.{name}": tensor for name, tensor in head.named_parameters()}
    save_task(bert, named, tokenizer_folder, folder, DISCRIMINATOR, {})


def save_task(
    bert: Encoder,
    tensors: dict[str, Tensor],
    tokenizer_folder: Path,
    folder: Path,
    architecture: str,
    more: dict[str, Any],
    texts: Mapping[str, str] = MappingProxyType({}),
    more_tensors: Mapping[str, dict[str, Tensor]] = MappingProxyType({}),
) -> None:
    """Write a folder that the class `architecture` of plain transformers opens, or its like of another family.

    `architecture` and the names of `tensors` are BERT's. Where there is no such class ("") the folder opens as
    BertModel, and what belongs to the head lies in a file of its own, as does what the class has no place for.
    `more` is added to config.json; `texts` and `more_tensors` are more files, by name.
    """
    layout = layout_or_ours(bert.config)
    held = architecture if layout.architecture(architecture) else "BertModel"
    config = model_config(bert.config, bert.vocab_size, held, **more)
    theirs = config["architectures"][0]
    beside = {
        name: tensor
        for name, tensor in tensors.items()
        if layout.place(name, theirs) is None or not (held == architecture or name.startswith("bert."))
    }
    inside = layout.theirs({n: t for n, t in tensors.items() if n not in beside}, bert.config, theirs)
    files = {WEIGHTS: inside, **({HEAD_FILE: beside} if beside else {}), **more_tensors}
    save_folder(config, files, tokenizer_folder, folder, texts, bert.config.max_position_embeddings)


def save_folder(
    config: dict[str, Any],
    files: dict[str, dict[str, Tensor]],
    tokenizer_folder: Path,
    folder: Path,
    texts: Mapping[str, str] = MappingProxyType({}),
    longest: int = 0,
) -> None:
    """Write a model folder from what config.json says, its tensors by file, a tokenizer and more texts by file.

    The tokenizer is told the `longest` sequence, in tokens, if there is one. Numbers that are not whole are stored as
    float32. Everything is written beside the final name, then renamed: a folder is whole or not there.
    """
    working = partial(folder)
    with disk_errors(working):
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        copy_tokenizer(tokenizer_folder, working)
        if longest:
            _fit_tokenizer(working / "tokenizer_config.json", config, longest)
        for name, tensors in files.items():
            save_tensors(working / name, {key: _stored(each) for key, each in tensors.items()}, {"format": "pt"})
        for name, text in texts.items():
            (working / name).parent.mkdir(exist_ok=True)
            write_text(working / name, text)
        write_text(working / "config.json", json.dumps(config, ensure_ascii=False, indent=2) + "\n")
        seal(working)
        shutil.rmtree(folder, ignore_errors=True)
        put_in_place(working, folder)


def _stored(tensor: Tensor) -> Tensor:
    """Return a copy to be written; a frozen table may have been kept in bfloat16."""
    copy = tensor.detach().cpu().clone()
    return copy.float() if copy.is_floating_point() else copy


def _fit_tokenizer(path: Path, config: Mapping[str, Any], longest: int) -> None:
    """Let plain `transformers` cut texts to what the encoder reads, and number no segments that it does not know.

    It would run past the last position otherwise, and past the last segment at the second text of a pair.
    """
    if path.exists():
        fitting: dict[str, Any] = {"model_max_length": longest}
        if config.get("type_vocab_size", 0) < SEGMENTS:
            fitting["model_input_names"] = ["input_ids", "attention_mask"]
        told = read_object(path, "Get the tokenizer's folder anew.")
        write_text(path, json.dumps({**told, **fitting}, ensure_ascii=False, indent=2) + "\n")
