"""What config.json says of a model that was not fine-tuned here, as ours would say it."""

from collections.abc import Mapping
from typing import Any

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.weights import GET_ANEW
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.tasks import Task

POOLING = "classifier_pooling"
"""Where ModernBERT's config.json tells what its classes of texts read."""
READ_AS = {"asked": "cls", "mean": "mean"}
"""What it says there, by what is read of a sequence."""


def require_one_pooling(folder: ModelFolder, reading: Reading) -> None:
    """Raise a UserError where a ModernBERT says otherwise to plain transformers than to us what a text is read by."""
    told = folder.config.get(POOLING, "cls")
    if folder.shape.has_prediction_head and told != READ_AS[reading.read_of_layers]:
        raise UserError(
            f"{folder.path} says two things in config.json of what a text is read by: {POOLING} is {told!r}, and "
            f"reading.tokens is {reading.read_of_layers!r}. {GET_ANEW}"
        )


def about_foreign(folder: ModelFolder, tensors: Mapping[str, Any], kind: str | None) -> dict[str, Any]:
    """Return how to read a folder that was not fine-tuned here: by its class, with inputs as long as it takes."""
    architecture, config, as_bert = folder.architecture, folder.config, folder.bert_architecture
    kinds = [kind] if kind else [name for name in Task.names() if Task.find(name).understands(as_bert, config)]
    if not kinds:
        raise UserError(f"{folder.path} {_what_it_lacks(architecture)}, or ask it for vectors (sentence_embeddings).")
    found = Task.find(kinds[0])
    # transformers leaves the names out where they are its own, LABEL_0 and so on.
    names = config.get("id2label") or {}
    heads = ("classifier.weight", "qa_outputs.weight") if found.architecture else ()
    size = next((len(tensors[name]) for name in heads if name in tensors), 0)
    _require_names_of_all(names, size, folder)
    labels = [_label(names.get(str(i)), i) for i in range(size)]
    task = {"kind": kinds[0], **found.foreign(folder.path, folder.shape.max_position_embeddings)}
    reads_means = found.reads_texts and config.get(POOLING) == "mean"
    return {"task": task, "learnt": {"labels": labels}, "reading": {"tokens": "mean"} if reads_means else {}}


def _require_names_of_all(names: Mapping[str, Any], size: int, folder: ModelFolder) -> None:
    """Raise a UserError where id2label names other outputs than there are: another's answers would be given."""
    # The one output of multiple choice has no name, whatever config.json says.
    named = folder.bert_architecture in ("BertForSequenceClassification", "BertForTokenClassification")
    if not named or not names or not size:  # a head without weights is told of where it is filled
        return
    fits = len(names) == size and all(str(number) in names for number in range(size))
    if not fits or any(isinstance(name, list | dict | bool | float) for name in names.values()):
        raise UserError(
            f"{folder.path} has weights for {size:,} labels, and id2label in its config.json does not name each of "
            f"them, from 0 to {size - 1:,}, by a text. {GET_ANEW}"
        )


def _label(name: Any, number: int) -> str:
    """Return the name of an output; transformers has one of its own where a folder tells none."""
    return str(name) if isinstance(name, str | int) and not isinstance(name, bool) else f"LABEL_{number}"


def _what_it_lacks(architecture: str) -> str:
    if architecture:
        return f"holds a {architecture}, which answers no task. Fine-tune it first"
    return (
        "does not say of which class it is. Name it in its config.json, as in "
        '"architectures": ["BertForSequenceClassification"]'
    )
