"""Encoder, reading and head as one network, whatever the task."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mamebert.checkpoints.load import fill
from mamebert.checkpoints.model_folder import ModelFolder, read_config
from mamebert.checkpoints.save import save_task
from mamebert.checkpoints.weights import GET_ANEW
from mamebert.config import build
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.model import Encoder, initialise
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reader, Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.shapes_alone import shapes_alone
from mamebert.errors import UserError, not_finite
from mamebert.kernels.packed_encoder import PackedHead, StepParts
from mamebert.kernels.ready_weights import Precision, make_ready, ready_of
from mamebert.tasks import Answer, Raw, Task
from mamebert.tasks.data.features import FIRST, Features, TaskBatch, TaskState, batches, pack
from mamebert.tasks.network.foreign_folders import POOLING, about_foreign, require_one_pooling

HEAD_ALONE = ("head.", "reader.", "bert.pooler.")


class Network(Protocol):
    """What answers a task."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def eval(self) -> Any:
        """Draw nothing at random from now on."""

    def __call__(self, batch: TaskBatch) -> Any:
        """Return the head's output."""

    def gather(self, batch: TaskBatch) -> Tensor:
        """Return what lies between the rows and the head."""

    def conclude(self, gathered: Tensor, batch: TaskBatch) -> Any:
        """Return the head's output for what was gathered."""


class TaskNetwork(nn.Module):
    """An encoder, what is read of it, and a task's head."""

    def __init__(self, task: Task, shape: EncoderConfig, vocab_size: int, learnt: TaskState, reading: Reading) -> None:
        super().__init__()
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
        self.bert = Encoder(shape, vocab_size)
        self.reader = Reader(reading, shape)
        self.lstm_along = task.lstm_along
        pooler = self.bert.pooler if reading.is_plain(shape) else None
        self.head = task.head(shape, self.reader.width, pooler, learnt)
        initialise(self, shape.initializer_range)
        task.start(self.head, learnt)
        self.ready: PackedHead | None = None
        """The head as the kernel of the encoder reads it."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.bert.device

    def forward(self, batch: TaskBatch) -> Any:
        """Return what the task's head makes of a batch."""
        if self.ready and (found := self.bert.in_one_call(batch.packed, batch.places, self.ready)) is not None:
            return found if len(found) == 1 else found[batch.order]
        return self.conclude(self.gather(batch), batch)

    def make_ready(self, precision: Precision = "float32") -> None:
        """Lay encoder and head out as kernels of a CPU read them (`Encoder.make_ready`); heads stay in float32."""
        self.bert.make_ready(precision)
        head: Any = self.head
        if not (self.bert.ready and self.reader.is_plain and hasattr(head, "steps")):
            return
        steps: list[StepParts] = head.steps()
        for step in steps:
            if ready_of(step.dense.weight) is None:
                make_ready(step.dense.weight, "float32")
        self.ready = self.bert.ready.head(steps)

    def gather(self, batch: TaskBatch) -> Tensor:
        """Return the hidden states [reads, layers, hidden_size] in the order of the examples: the encoder's part.

        On a processor, oneDNN makes code for the bfloat16 products of every shape anew, which cost small batches two
        fifths of their time, and each has another number of tokens: in training it is rounded up.
        """
        batch = self.gathered_of(batch)
        filled_up = self.training and self.bert.compute_dtype == torch.bfloat16 and self.device.type == "cpu"
        packed, places = batch.filled_up if filled_up else (batch.packed, batch.places)
        return self.reader.gather(self.bert, packed, places)[batch.order]

    def gathered_of(self, batch: TaskBatch) -> TaskBatch:
        """Return a batch as it is gathered: with all its tokens as reads where an LSTM goes along them."""
        return batch.of_all_tokens if self.reader.over_tokens else batch

    def conclude(self, gathered: Tensor, batch: TaskBatch) -> Any:
        """Return what reader and head make of gathered hidden states: all that learns when the encoder does not."""
        if self.reader.over_tokens:
            states = self.reader(gathered, batch.of_all_tokens.sequence_sizes)
            return self.head(self.reader.at(states, *batch.among_all_tokens), batch)
        counts = batch.counts if self.lstm_along == "example" else batch.sequence_sizes
        return self.head(self.reader(gathered, counts), batch)


def start_network(
    task: Task,
    folder: Path,
    learnt: TaskState,
    reading: Reading,
    dropout: float | None = None,
    random_weights: bool = False,
) -> TaskNetwork:
    """Open any folder of BERT or its kin as the start of a task: the encoder comes from it, the head is new.

    `dropout` is the share of hidden values dropped in training; None leaves it as config.json says. With
    `random_weights` only the shape comes from the folder: what pretraining is worth is measured against it.
    """
    opened = ModelFolder.open(folder)
    require_room("task", task.max_length, str(opened.path), opened.shape.max_position_embeddings)
    shape = opened.shape
    if dropout is not None:
        shape = shape.model_copy(update={"hidden_dropout_prob": dropout})
    network = TaskNetwork(task, shape, opened.vocab_size, learnt, reading)
    if not random_weights:
        fill(network, opened.tensors(), folder, may_lack=HEAD_ALONE, ignore=("head.", "reader."))
        fill(network.head, task.stored_beside(folder), folder, may_lack=("",))
    task.prepare(network.head, network.bert, folder, learnt)
    return network


def save_network(
    network: TaskNetwork,
    task: Task,
    learnt: TaskState,
    reading: Reading,
    start: Path,
    folder: Path,
    kept: Kept = Kept(),  # noqa: B008  # frozen
) -> None:
    """Write a folder that `open_network` and, as far as it has a class for it, plain transformers open.

    `kept` is how the training rows were read.
    """
    about = task_settings(task, reading, learnt, kept)
    is_plain = reading.is_plain(network.bert.config)
    plain = task.architecture if is_plain else ""
    stored = [*network.named_parameters(), *network.named_buffers()]
    named: dict[str, Tensor] = {name.removeprefix("head."): tensor for name, tensor in stored}
    if plain and not task.reads_pooler(network.bert.config):
        named = {name: p for name, p in named.items() if not name.startswith("bert.pooler.")}
    more = {**task.plain_settings(learnt), "mamebert": about}
    if is_plain and reading.read_of_layers == "mean":
        more[POOLING] = "mean"
    if not is_plain:
        save_task(network.bert, named, start, folder, plain, more)
        return
    places = {name: place for name in named if (place := task.place_beside(name))}
    beside: dict[str, dict[str, Tensor]] = {}
    for name, (file, stored_name) in places.items():
        beside.setdefault(file, {})[stored_name] = named.pop(name)
    save_task(network.bert, named, start, folder, plain, more, task.files(network.bert.config), beside)


def open_network(folder: Path, kind: str | None = None) -> tuple[Task, TaskState, TaskNetwork]:
    """Open a fine-tuned folder, ours or one of plain transformers; one that was not made for a task is of `kind`."""
    opened = ModelFolder.open(folder)
    tensors = opened.tensors()
    task, learnt, reading = task_in(opened, opened.about or about_foreign(opened, tensors, kind))
    known = tensors.beside(task.stored_beside(opened.path))

    def built() -> TaskNetwork:
        network = TaskNetwork(task, opened.shape, opened.vocab_size, learnt, reading)
        pooler_is_read = any(module is network.bert.pooler for module in network.head.modules())
        return fill(network, known, opened.path, may_lack=() if pooler_is_read else ("bert.pooler.",))

    with shapes_alone():  # sizes that only the settings of the head claim are refused before they take memory
        built()
    return task, learnt, built()


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


def plain_logits(folder: Path, packed: Packed) -> dict[str, Tensor]:
    """Return what plain transformers should give for these sequences, each an example of its own."""
    task, _, network = open_network(folder)
    network.eval()
    if read_config(folder)["architectures"][0].endswith("Model"):
        return {"last_hidden_state": network.bert(packed)}
    pieces = packed.ids.split(packed.lengths), packed.segments.split(packed.lengths)
    features = [
        Features([ids.numpy()], [FIRST if task.reads == "first" else np.arange(len(ids))], [kinds.numpy()])
        for ids, kinds in zip(*pieces, strict=True)
    ]
    return task.plain_logits(network(pack(features, range(len(features)))))


@torch.no_grad()
def raw_outputs(
    task: Task,
    network: Network,
    features: Sequence[Features],
    batch_tokens: int = 16_384,
    gather: Callable[[TaskBatch], Tensor] | None = None,
    beside: Callable[[Any, TaskBatch], None] | None = None,
) -> list[Raw]:
    """Return the head's output for each example, in the order given; `gather` gives hidden states that are kept.

    `beside` is told what the head gives for each batch.
    Outputs that are no finite numbers, which huge weights give, are a UserError.
    """
    if getattr(network, "training", True):  # to go through all modules takes a sixth of one short text's time
        network.eval()
    # Examples of like length share a batch, so that attention groups them.
    order = sorted(range(len(features)), key=lambda row: -features[row].num_tokens)
    found: dict[int, Raw] = {}
    for rows in batches(features, order, batch_tokens):
        batch = pack(features, rows).to(network.device)
        given = network.conclude(gather(batch), batch) if gather else network(batch)
        found |= zip(rows, task.raws(given, batch), strict=True)
        if beside:
            beside(given, batch)
    if not all(np.isfinite(raw).all() for raw in found.values()):
        raise not_finite()
    return [found[row] for row in range(len(features))]


def answers_of(task: Task, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
    """Return the task's answers; one with a number that is not finite is a UserError, for JSON has none."""
    found = task.answers(raws, features, learnt)
    if not all(_is_finite(each) for each in found):
        raise not_finite()
    return found


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float | np.floating) or isfinite(value)


def require_room(what: str, max_length: int, name: str, room: int) -> None:
    """Raise a UserError where a task or an objective shows an encoder longer sequences than it has positions for."""
    if max_length > room:
        raise UserError(f"{what}.max_length {max_length} is longer than {name} reads ({room}). Lower it to {room}.")
