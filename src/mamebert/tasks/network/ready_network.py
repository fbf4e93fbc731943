"""A fine-tuned network as one native call reads it, straight from its file: torch is not imported for an answer."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from mamebert.checkpoints.laid_out import laid_out_weights, open_for_kernels, within
from mamebert.checkpoints.model_folder import ModelFolder, read_config
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.encoder.named.kernel_parts import packed_encoder
from mamebert.encoder.named.one_call import in_one_call
from mamebert.kernels.packed_encoder import PackedEncoder, PackedHead
from mamebert.kernels.ready_weights import Floats, Precision
from mamebert.tasks import Task
from mamebert.tasks.data.features import Laid, TaskBatch, TaskState
from mamebert.tasks.network.linear_heads import HEAD, head_names, head_steps
from mamebert.tasks.network.told import task_in

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mamebert.tasks.network.task_network import TaskNetwork


class ReadyNetwork:
    """What answers in one native call; whatever else is wanted of it is asked of the modules, opened when it is."""

    training = False

    def __init__(self, folder: ModelFolder, precision: Precision, packed: PackedEncoder, head: PackedHead) -> None:
        self._folder, self._precision = folder, precision
        self._packed, self._head = packed, head

    def answered(self, laid: Laid) -> Floats | None:
        """Return what the head makes of each read, in the order of the examples; None where modules have to."""
        about = self._folder.shape, self._folder.vocab_size
        found = in_one_call(self._packed, about, (laid.ids, laid.segments, laid.starts), laid.places, self._head)
        return found if found is None or len(found) == 1 else found[laid.order]

    @cached_property
    def whole(self) -> "TaskNetwork":
        """The network as modules."""
        from mamebert.tasks.network.task_network import open_network

        _, _, network = open_network(self._folder.path)
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
    """A fine-tuned model."""

    folder: ModelFolder
    task: Task
    learnt: TaskState
    kept: Kept
    """How the training rows were read."""
    network: ReadyNetwork


def open_ready(place: Path, precision: Precision) -> Ready | None:
    """Open a folder that was fine-tuned here for answers on a CPU; None where modules are needed to compute them.

    None too where something lacks, or is of another shape: `open_network` says in a sentence what that is.
    """
    about = read_config(place).get("mamebert") or {}
    folder = open_for_kernels(place) if "task" in about else None
    if folder is None or folder.shape.is_decoder:
        return None
    task, learnt, reading = task_in(folder)
    names = head_names(task, reading, folder.shape)
    if names is None:
        return None
    names = names._replace(layer=names.layer.removeprefix(HEAD))
    asked = names.weights()
    head, dense = names.shapes(folder.shape, len(learnt.labels)), {name: name for name in asked}
    weights = laid_out_weights(folder, head, {}, dense, precision)
    packed = packed_encoder(folder.shape, within(weights)) if weights else None
    if not packed or not weights or not (steps := packed.head(head_steps(names, folder.shape, weights))):
        return None
    network = ReadyNetwork(folder, precision, packed, steps)
    return Ready(folder, task, learnt, Kept.read(about.get("reader"), folder.path), network)
