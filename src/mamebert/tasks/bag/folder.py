"""The model folder of a bag classifier: its tensors, its tokenizer, and a config.json that says what it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mamebert.checkpoints.model_folder import CONFIG, USED, read_config
from mamebert.checkpoints.save import save_folder
from mamebert.checkpoints.weights import GET_ANEW, WEIGHTS, Stored, load, read_header
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.files.checksums import verify
from mamebert.tasks import Task
from mamebert.tasks.bag.document_vectors import DocumentVectors
from mamebert.tasks.bag.grams import Grams
from mamebert.tasks.bag.network import BagNetwork
from mamebert.tasks.bag.starting import is_for_single_texts
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.told import task_settings, task_told

MODEL_TYPE = "mamebert_bag"
"""The `model_type` in config.json. It is no family of encoders: whatever wants one refuses it by this name."""
ARCHITECTURE = "MameBertBagForSequenceClassification"
NOTE = (
    "A linear classifier on the pieces of a text and on its document vector. Plain transformers has no such class: "
    "open it with mamebert.load."
)
_OF_WORDS = ("vectors", "word_weights", "documents.weight")
"""What is stored only where document vectors are used."""


def is_bag(config: Mapping[str, Any]) -> bool:
    """Tell by its config.json whether a folder holds a bag classifier."""
    return config.get("model_type") == MODEL_TYPE


def save_bag(
    network: BagNetwork,
    task: Task,
    learnt: TaskState,
    tokenizer_folder: Path,
    folder: Path,
    kept: Kept = Kept(),  # noqa: B008  # frozen
) -> None:
    """Write a folder that `open_bag` opens; `kept` is how the training rows were read."""
    tensors = {
        "grams.keys": network.grams.keys,
        "grams.idf": network.grams.idf,
        "classifier.weight": network.weight,
        "classifier.bias": network.bias,
    }
    if network.documents is not None and network.document_weight is not None:
        words = (network.documents.vectors, network.documents.weights, network.document_weight)
        tensors |= dict(zip(_OF_WORDS, words, strict=True))
    config = {
        "architectures": [ARCHITECTURE],
        "model_type": MODEL_TYPE,
        "note": NOTE,
        "vocab_size": network.vocab_size,
        "num_columns": len(network.grams.keys),
        "hidden_size": network.documents.vectors.shape[1] if network.documents else 0,
        **task.plain_settings(learnt),
        "mamebert": task_settings(task, Reading(), learnt, kept),
    }
    found = {name: torch.from_numpy(np.ascontiguousarray(tensor)) for name, tensor in tensors.items()}
    save_folder(config, {WEIGHTS: found}, tokenizer_folder, folder)


def open_bag(folder: Path) -> tuple[Task, TaskState, BagNetwork]:
    """Open what `save_bag` wrote; what is missing, changed, or does not belong together is a UserError.

    Sizes are compared in the headers, before any tensor is read.
    """
    verify(folder, used=USED, around=CONFIG)
    config = read_config(folder)
    task, learnt, _ = task_told(config.get("mamebert") or {}, folder)
    if not is_for_single_texts(task):
        raise UserError(
            f"{folder} says in config.json that it does {task.kind}, which none of its kind does. {GET_ANEW}"
        )
    if not (folder / WEIGHTS).exists():
        raise UserError(f"{folder} has no {WEIGHTS}. {GET_ANEW}")
    stored, vocab_size = read_header(folder / WEIGHTS), config.get("vocab_size")
    if isinstance(vocab_size, bool) or not isinstance(vocab_size, int):
        raise UserError(f"{folder} has a config.json with {str(vocab_size)[:40]!r} for vocab_size. {GET_ANEW}")
    _require_fitting(stored, len(learnt.labels), vocab_size, folder)
    found = {name: tensor.numpy() for name, tensor in load(stored).items()}
    grams = Grams(found["grams.keys"], found["grams.idf"])
    if len(grams.keys) and (grams.keys[0] < 0 or (np.diff(grams.keys) <= 0).any()):
        raise UserError(f"{folder} stores grams.keys that do not rise, so that no piece is found by them. {GET_ANEW}")
    words = [found[name] for name in _OF_WORDS if name in found]
    documents = DocumentVectors(words[0], words[1]) if words else None
    weights = found["classifier.weight"], found["classifier.bias"]
    network = BagNetwork(grams, *weights, vocab_size, documents, words[2] if words else None)
    return task, learnt, network


def _require_fitting(stored: Mapping[str, Stored], num_labels: int, vocab_size: int, folder: Path) -> None:
    """Raise a UserError unless names, types and shapes are those of a classifier with so many labels."""
    num_columns = _size(stored, "grams.keys", 0)
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {
        "grams.keys": ("I64", (num_columns,)),
        "grams.idf": ("F32", (num_columns,)),
        "classifier.weight": ("F32", (num_columns, num_labels)),
        "classifier.bias": ("F32", (num_labels,)),
    }
    if any(name in stored for name in _OF_WORDS):
        width = _size(stored, "vectors", 1)
        shapes = ((vocab_size, width), (vocab_size,), (2 * width, num_labels))
        wanted |= {name: ("F32", shape) for name, shape in zip(_OF_WORDS, shapes, strict=True)}
    for name in sorted(wanted.keys() | stored.keys()):
        there = (stored[name].dtype, stored[name].shape) if name in stored else None
        if there != wanted.get(name):
            found = "is not there" if there is None else f"is stored as {there[0]} {list(there[1])}"
            raise UserError(
                f"{folder} is a classifier of {num_labels} labels, to which {name} does not belong: it {found}. "
                f"{GET_ANEW}"
            )


def _size(stored: Mapping[str, Stored], name: str, axis: int) -> int:
    shape = stored[name].shape if name in stored else ()
    return shape[axis] if axis < len(shape) else 0
