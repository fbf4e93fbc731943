"""A fine-tuned network as one native call reads it, straight from its file: torch is not imported for an answer."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from mamebert.checkpoints.laid_out import laid_out_weights, open_for_kernels, within
from mamebert.checkpoints.model_folder import ModelFolder, read_config, tokenizer_for
from mamebert.checkpoints.purposes import WORDS, Purpose, kind_of
from mamebert.checkpoints.static_embedding import is_static, open_static
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.named.kernel_parts import packed_encoder
from mamebert.encoder.named.ready_reading import reading_shapes
from mamebert.kernels.ready_weights import Precision
from mamebert.tasks import Task
from mamebert.tasks.data.features import Laid, TaskBatch, TaskState
from mamebert.tasks.masked_words.ready_words import ReadyWords, ready_words
from mamebert.tasks.network.foreign_folders import about_foreign
from mamebert.tasks.network.native_answer import NamedAnswer, NativeAnswer
from mamebert.tasks.network.static_network import StaticNetwork, task_of_table
from mamebert.tasks.network.told import require_readable, task_in
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mamebert.tasks.network.task_network import TaskNetwork


class ReadyNetwork:
    """What answers by native calls; whatever else is wanted of it is asked of the modules, opened when it is."""

    training = False

    def __init__(self, place: Path, kind: str | None, precision: Precision, native: NativeAnswer) -> None:
        self._place, self._kind, self._precision = place, kind, precision
        self._native = native

    def answered(self, laid: Laid) -> Any:
        """Return what the head makes of examples, in arrays; None where modules have to."""
        return self._native(laid)

    @cached_property
    def whole(self) -> "TaskNetwork":
        """The network as modules."""
        from mamebert.tasks.network.task_network import open_network

        _, _, network = open_network(self._place, self._kind)
        network.eval().make_ready(self._precision)
        return network

    @property
    def bert(self) -> Any:
        """The encoder as modules."""
        return self.whole.bert

    @property
    def device(self) -> "torch.device":
        """Where it computes: a processor."""
        return self.whole.device

    def eval(self) -> Self:
        """Return the network, which knows no other mode."""
        return self

    def __call__(self, batch: TaskBatch) -> Any:
        """Return what the task's head makes of a batch."""
        return self.whole(batch)

    def gather(self, batch: TaskBatch) -> "Tensor":
        """Return the hidden states [reads, layers, hidden_size] in the order of the examples."""
        return self.whole.gather(batch)

    def conclude(self, gathered: "Tensor", batch: TaskBatch) -> Any:
        """Return what the head makes of gathered hidden states."""
        return self.whole.conclude(gathered, batch)


class Ready(NamedTuple):
    """A model that does a task."""

    task: Task
    learnt: TaskState
    kept: Kept
    """How the training rows were read."""
    network: ReadyNetwork | StaticNetwork
    tokenizer: Tokenizer


def open_ready(place: Path, precision: Precision, purpose: Purpose | None = None) -> Ready | ReadyWords | None:
    """Open a folder for answers on a CPU; None where modules have to compute them.

    A folder that can do several things does what `purpose` says. None too where something lacks, or is of another
    shape: who opens it as modules says in a sentence what that is.
    """
    if is_static(read_config(place)):
        return _table(place) if precision == "float32" else None
    folder = open_for_kernels(place)
    if folder is None:
        return None
    kind = None if "task" in folder.about else kind_of(folder, purpose)
    return ready_words(folder, precision) if kind == WORDS else _ready(folder, precision, kind)


def _ready(folder: ModelFolder, precision: Precision, kind: str | None) -> Ready | None:
    about, shape = folder.about or about_foreign(folder, folder.arrays(), kind), folder.shape
    task, learnt, reading = task_in(folder, about)
    require_readable(task, shape, reading)
    named = NamedAnswer.of(task, shape, reading, learnt)
    if named is None:
        return None
    head = {**named.head.shapes(shape, named.width, named.is_pooled), **reading_shapes(reading, shape)}
    dense = {name: name for name in named.head.dense(named.is_pooled)}
    weights = laid_out_weights(folder, head, {}, dense, precision, task.stored_beside(folder.path))
    packed = packed_encoder(shape, within(weights)) if weights else None
    native = NativeAnswer.of(named, packed, folder.vocab_size, weights) if packed and weights else None
    if native is None:
        return None
    network = ReadyNetwork(folder.path, kind, precision, native)
    return Ready(task, learnt, Kept.read(about.get("reader"), folder.path), network, folder.tokenizer())


def _table(place: Path) -> Ready:
    """Return a table of word vectors, which asks for no kernels."""
    network = StaticNetwork(open_static(place))
    tokenizer = tokenizer_for(place, network.bert.vocab_size)
    return Ready(task_of_table(network.normalize), TaskState(), Kept(), network, tokenizer)
