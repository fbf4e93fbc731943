"""Students: some layers of the teacher, or the folder of another model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from mamebert.checkpoints.layouts import encoder_config
from mamebert.checkpoints.model_folder import ModelFolder, model_folder, read_config
from mamebert.checkpoints.start import start_pretraining
from mamebert.compression.contract import Subject
from mamebert.compression.goals import TaskGoal
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks.network.task_network import start_network

LayerChoice = Literal["every_second", "released"] | list[int]


def choose_layers(choice: LayerChoice, num_layers: int, number: int) -> list[int]:
    """Return which `number` of so many layers a student takes, counted from 0.

    every_second is every k-th from the first: 0, 2, 4, 6, 8, 10 of 12. released is that of the released DistilBERT,
    which has first and last and spreads the others between them: 0, 2, 4, 7, 9, 11 of 12. A list is taken as it is.
    """
    if isinstance(choice, list):
        return list(choice)
    if choice == "every_second":
        return [i * num_layers // number for i in range(number)]
    return [int(i * (num_layers - 1) / max(1, number - 1) + 0.5) for i in range(number)]


def layers_to_keep(shape: EncoderConfig, teacher: EncoderConfig, choice: LayerChoice, number: int) -> list[int]:
    """Return which layers of a model of this shape the student takes; `number` is that of `depth_of_student`."""
    there = shape.num_hidden_layers
    if isinstance(choice, list):
        _require_layers(choice, there)
    return choose_layers(choice, there, depth_of_student(shape, teacher, number))


def depth_of_student(shape: EncoderConfig, teacher: EncoderConfig, number: int) -> int:
    """Return how many layers of a model of this shape the student has; more than there are is a UserError.

    With `number` 0 that is half of them, or all where a method before has made the model smaller than the teacher.
    """
    there = shape.num_hidden_layers
    if number > there:
        raise UserError(f"The student is to keep {number} layers and the model has {there}. Keep fewer.")
    is_smaller = shape != teacher
    return number or (there if is_smaller else max(1, there // 2))


def shape_in(folder: Path) -> EncoderConfig | None:
    """Return the shape of the encoder in a folder; None where it is still to be made."""
    return encoder_config(read_config(folder), str(folder)) if folder.exists() else None


def require_same_vocabulary(folder: Path, teacher: Subject) -> None:
    """Raise a UserError unless the tokenizer in `folder` has the teacher's tokens."""
    found, wanted = ModelFolder.open(folder).tokenizer().tokens, teacher.tokenizer.tokens
    if found == wanted:
        return
    unlike = [f"id {i} is {a!r} and {b!r}" for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b]
    differs = unlike[0] if unlike else f"{len(found)} and {len(wanted)} tokens"
    raise UserError(
        f"{folder} and the teacher have different vocabularies ({differs}), so that one cannot be taught by the other. "
        "Give a student made with the teacher's tokenizer."
    )


def require_same_inputs(subject: Subject, teacher: Subject) -> None:
    """Raise a UserError where a method before has left the subject other tokens than its teacher reads."""
    if subject.bert.vocab_size != teacher.bert.vocab_size:
        raise UserError(
            f"The model has {subject.bert.vocab_size} tokens and its teacher {teacher.bert.vocab_size}, so that one "
            "cannot be taught by the other. Prune the vocabulary after distillation."
        )


def open_student(folder: Path, teacher: Subject) -> Subject:
    """Return the model in a folder as a student for the teacher's goal; the head of a task is new."""
    place, goal = model_folder(folder), teacher.goal
    require_same_vocabulary(place, teacher)
    if isinstance(goal, TaskGoal):
        network: Any = start_network(goal.task, place, goal.learnt, goal.reading)
    else:
        network, _ = start_pretraining(place)
    network.to(teacher.bert.device)
    return Subject(network, goal, teacher.folder)


def with_note(subject: Subject, **notes: object) -> Subject:
    """Return the subject with more to tell of it."""
    return replace(subject, notes={**subject.notes, **notes})


def _require_layers(numbers: Sequence[int], there: int) -> None:
    wrong = [n for n in numbers if not 0 <= n < there]
    if wrong or not numbers:
        named = f"layer {wrong[0]}" if wrong else "no layer"
        raise UserError(
            f"layer_choice names {named}, and the model has {there}, counted from 0. Choose from 0 to {there - 1}."
        )
