"""Encoder, reading and head as one network, whatever the task."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mamebert.checkpoints.load import fill
from mamebert.checkpoints.model_folder import ModelFolder, read_config
from mamebert.checkpoints.save import save_task
from mamebert.checkpoints.weights import as_tensors
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.model import Encoder, initialise
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.shapes_alone import shapes_alone
from mamebert.kernels.ready_weights import Precision, make_ready, ready_of
from mamebert.tasks import Task
from mamebert.tasks.data.features import FIRST, Features, Laid, TaskBatch, TaskState, pack
from mamebert.tasks.network.foreign_folders import POOLING, about_foreign
from mamebert.tasks.network.named_heads import HEAD
from mamebert.tasks.network.native_answer import NamedAnswer, NativeAnswer
from mamebert.tasks.network.reader import Reader
from mamebert.tasks.network.told import require_readable, require_room, task_in, task_settings

HEAD_ALONE = ("head.", "reader.", "bert.pooler.")


class TaskNetwork(nn.Module):
    """An encoder, what is read of it, and a task's head."""

    def __init__(self, task: Task, shape: EncoderConfig, vocab_size: int, learnt: TaskState, reading: Reading) -> None:
        super().__init__()
        require_readable(task, shape, reading)
        self.bert = Encoder(shape, vocab_size)
        self.reading, self.reader = reading, Reader(reading, shape)
        self.lstm_along = task.lstm_along
        pooler = self.bert.pooler if reading.is_plain(shape) else None
        self.head = task.head(shape, self.reader.width, pooler, learnt)
        initialise(self, shape.initializer_range)
        task.start(self.head, learnt)
        self.named = NamedAnswer.of(task, shape, reading, learnt)
        self.native: NativeAnswer | None = None
        """All of it as kernels read it."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.bert.device

    def forward(self, batch: TaskBatch) -> Any:
        """Return what the task's head makes of a batch."""
        return self.conclude(self.gather(batch), batch)

    def make_ready(self, precision: Precision = "float32") -> None:
        """Lay encoder and head out as kernels of a CPU read them (`Encoder.make_ready`); heads stay in float32."""
        self.bert.make_ready(precision)
        if self.bert.ready and self.named:
            stored = [*self.named_parameters(), *self.named_buffers()]
            weights: dict[str, Tensor] = {name.removeprefix(HEAD): tensor for name, tensor in stored}
            for name in self.named.head.dense(self.named.is_pooled):
                if ready_of(weights[name]) is None:
                    make_ready(weights[name], "float32")
            self.native = NativeAnswer.of(self.named, self.bert.ready, self.bert.vocab_size, weights)

    def answered(self, laid: Laid) -> Any:
        """Return what the head makes of examples, in arrays; None where modules have to, as where it learns."""
        return self.native(laid) if self.native and self.bert.is_ready and self.device.type == "cpu" else None

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
        fill(network.head, as_tensors(task.stored_beside(folder)), folder, may_lack=("",))
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
    known = tensors.beside(as_tensors(task.stored_beside(opened.path)))

    def built() -> TaskNetwork:
        network = TaskNetwork(task, opened.shape, opened.vocab_size, learnt, reading)
        pooler_is_read = any(module is network.bert.pooler for module in network.head.modules())
        return fill(network, known, opened.path, may_lack=() if pooler_is_read else ("bert.pooler.",))

    with shapes_alone():  # sizes that only the settings of the head claim are refused before they take memory
        built()
    return task, learnt, built()


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
