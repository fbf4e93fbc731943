"""What a folder tells of the task that its network was fine-tuned for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.weights import GET_ANEW
from mamebert.config import build
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.foreign_folders import require_one_pooling


def task_in(folder: ModelFolder, about: Mapping[str, Any] | None = None) -> tuple[Task, TaskState, Reading]:
    """Return what config.json, or `about` in its place, says that a network was fine-tuned for.

    What is missing or of another kind is a UserError, as is a task that reads more than the encoder does.
    """
    task, learnt, reading = task_told(folder.about if about is None else about, folder.path)
    if task.reads_texts and reading.is_plain(folder.shape):
        require_one_pooling(folder, reading)
    require_room("task", task.max_length, str(folder.path), folder.shape.max_position_embeddings)
    return task, learnt, reading


def task_told(about: Mapping[str, Any], where: Path) -> tuple[Task, TaskState, Reading]:
    """Return what the part of a config.json that is ours says; what is missing or of another kind is a UserError."""
    told = about.get("learnt") or {}
    told = told if isinstance(told, dict) else {"labels": told}
    labels, chosen = told.get("labels") or [], told.get("chosen") or {}
    if not ("task" in about and isinstance(labels, list) and isinstance(chosen, dict)):
        raise UserError(f"{where} does not say in config.json what it was fine-tuned for. {GET_ANEW}")
    if not all(isinstance(label, str) for label in labels):
        raise UserError(f"{where} has labels in config.json that are no texts. {GET_ANEW}")
    try:
        task: Task = build(Task, about["task"])  # type: ignore[type-abstract]  # `kind` makes it a concrete one
        reading = build(Reading, about.get("reading") or {})
    except UserError as error:
        raise UserError(f"{where} has an invalid config.json: {error}") from error
    return task, TaskState(tuple(labels), chosen), reading


def task_settings(task: Task, reading: Reading, learnt: TaskState, kept: Kept) -> dict[str, Any]:
    """Return what `task_told` reads; `kept` is how the training rows were read."""
    about = {"task": task.model_dump(), "reading": reading.model_dump(), "learnt": vars(learnt)}
    return about | ({"reader": kept.as_json()} if kept.settings else {})


def require_readable(task: Task, shape: EncoderConfig, reading: Reading) -> None:
    """Raise a UserError where a task cannot go by what is read of an encoder."""
    if reading.read_of_layers == "mean" and not task.reads_texts:
        raise UserError(f"{task.kind} reads tokens by themselves, not means. Leave reading.tokens out.")
    if reading.read_of_layers == "pair" and not task.reads_pairs:
        raise UserError(f"{task.kind} is not asked about pairs of texts here. Leave reading.tokens=pair out.")
    if shape.is_decoder and task.reads == "first" and not reading.sees_all:
        raise UserError(
            f"{task.kind} reads [CLS], which sees nothing of a text in a network that reads from left to right "
            "(is_decoder). Set reading.tokens=mean, or reading.lstm_over=tokens with a reading.lstm_size, or take "
            "an encoder that reads both ways."
        )


def require_room(what: str, max_length: int, name: str, room: int) -> None:
    """Raise a UserError where a task or an objective shows an encoder longer sequences than it has positions for."""
    if max_length > room:
        raise UserError(f"{what}.max_length {max_length} is longer than {name} reads ({room}). Lower it to {room}.")
