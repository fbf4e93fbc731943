"""Networks to Hugging Face folders."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from mamebert.checkpoints.layouts import bert_config
from mamebert.encoder.model import ClassificationNetwork, PretrainingNetwork
from mamebert.runs import disk_errors, partial, write_text

Network = PretrainingNetwork | ClassificationNetwork

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
)


def save_pretraining(network: PretrainingNetwork, tokenizer_folder: Path, folder: Path) -> None:
    """Write a folder that BertForPreTraining, BertForMaskedLM and BertModel open."""
    head = network.cls.predictions
    # Untied, transformers adds the decoder's own copy of the bias.
    extra: dict[str, Tensor] = {} if head.tied else {"cls.predictions.decoder.bias": head.bias}
    _save(network, tokenizer_folder, folder, "BertForPreTraining", extra, tie_word_embeddings=head.tied)


def save_classification(
    network: ClassificationNetwork, tokenizer_folder: Path, folder: Path, labels: list[str], about: dict[str, Any]
) -> None:
    """Write a folder that BertForSequenceClassification opens; `about` tells how its inputs were made."""
    names = {
        "id2label": {str(i): name for i, name in enumerate(labels)},
        "label2id": {name: i for i, name in enumerate(labels)},
    }
    # Stated, or transformers would guess a regression where there is one label and a multi-label task for float ones.
    more = {**names, "problem_type": "single_label_classification", "mamebert": about}
    _save(network, tokenizer_folder, folder, "BertForSequenceClassification", {}, **more)


def _save(
    network: Network, tokenizer_folder: Path, folder: Path, architecture: str, extra: dict[str, Tensor], **more: Any
) -> None:
    """Write everything beside the final name, then rename: a folder is whole or not there."""
    config = bert_config(network.bert.config, network.bert.vocab_size, architecture, **more)
    working = partial(folder)
    with disk_errors(working):
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        for name in TOKENIZER_FILES:
            if (tokenizer_folder / name).is_file():
                shutil.copyfile(tokenizer_folder / name, working / name)
        _limit_length(working / "tokenizer_config.json", network.bert.config.max_position_embeddings)
        # named_parameters lists a tied matrix once, as transformers stores it. A frozen table may be kept in bfloat16.
        named = {**dict(network.named_parameters()), **extra}
        tensors = {name: p.detach().cpu().float().clone() for name, p in named.items()}
        save_file(tensors, working / "model.safetensors", metadata={"format": "pt"})
        write_text(working / "config.json", json.dumps(config, ensure_ascii=False, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(working, folder)


def _limit_length(path: Path, longest: int) -> None:
    """Let plain `transformers` cut texts to what the encoder reads; it would run past the last position otherwise."""
    if path.is_file():
        config = json.loads(path.read_text(encoding="utf-8"))
        write_text(path, json.dumps({**config, "model_max_length": longest}, ensure_ascii=False, indent=2) + "\n")
