"""One training in one or many processes: who computes what, and how the sum comes to all.

`torchrun` starts the processes and names each by its rank. All build the same batches; each computes its
own parts of every batch, and the gradients are summed, so the weights are those that one process would
reach, but for float rounding. Rank 0 leads: it alone writes and speaks.
"""

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mamebert.files.disk import disk_errors
from mamebert.ranks import num_processes, rank
from mamebert.training.devices import pick_device
from mamebert.training.settings import Training

P = TypeVar("P")


@dataclass(frozen=True)
class Share(Generic[P]):
    """A part of a batch that this process computes."""

    part: P
    place: int
    """Of the part in its batch; dropout is seeded by it, so it does not matter which process computes the part."""
    counts: bool
    """Whether its loss counts: not that of a part of another process, computed so that nobody waits for ever."""
    last: bool
    """Whether the gradients of all processes are summed after it."""


@dataclass
class Processes:
    """The processes that train together, seen from one of them."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rank: int = 0
    count: int = 1
    sharded: bool = False
    """Whether each keeps only its share of weights and optimizer state (FSDP2), or a copy of all (DDP)."""
    _spread: nn.Module | None = field(default=None, repr=False)

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    def spread(self, asking: nn.Module, layers: Sequence[nn.Module]) -> nn.Module:
        """Return the module through which all processes learn together; its forward gives what goes backward.

        `layers` are the blocks whose weights are gathered one after the other when sharded; the parameters
        of `asking` are other objects then, so its optimizer is made afterwards. A frozen parameter is left
        whole in every process. To be called again when a frozen one is to learn.
        """
        if self.count == 1:
            return asking
        if self.sharded:
            _shard(asking, layers)
            self._spread = asking
        else:
            # What is frozen is the same in all, and perhaps the same memory: the first sync would copy it.
            frozen = [name for name, p in asking.named_parameters() if not p.requires_grad]
            nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(asking, frozen)
            # Some objectives leave a head unused. Buckets then keep their order, and sums their bits.
            self._spread = nn.parallel.DistributedDataParallel(asking, find_unused_parameters=True)
        return self._spread

    def share_memory(self, tensor: Tensor, path: Path) -> None:
        """Keep a tensor that is equal in all processes once for each machine, not once for each process.

        A process that writes to it has a copy of its own from then on. `path` is a file for a moment. Memory of
        a GPU is not shared.
        """
        if self.count == 1 or tensor.is_cuda:
            return
        with self.leader_first():
            if self.is_main_process:
                with disk_errors(path):
                    path.write_bytes(tensor.detach().view(torch.uint8).numpy().data)
            mapped = torch.from_file(str(path), shared=False, size=tensor.numel(), dtype=tensor.dtype)
            tensor.data = mapped.view(tensor.shape)
        self.wait()
        if self.is_main_process:
            path.unlink()

    def shares(self, parts: Sequence[P]) -> Iterator[Share[P]]:
        """Yield the parts of a batch that this process computes, dealt out in turn: as many to each."""
        rounds = -(-len(parts) // self.count)
        for turn in range(rounds):
            place = turn * self.count + self.rank
            # Gathering and summing need every process: one that has no part left goes over the first again.
            there = place if place < len(parts) else 0
            yield Share(parts[there], there, place < len(parts), turn == rounds - 1)

    def gradient_sync(self, share: Share[P]) -> AbstractContextManager[None]:
        """Return the context in which a share goes forward and backward; gradients are summed after the last."""
        if isinstance(self._spread, nn.parallel.DistributedDataParallel):
            return nullcontext() if share.last else self._spread.no_sync()
        if self.sharded:
            _sum_gradients(self._spread, share.last)
        return nullcontext()

    def backward(self, loss: Tensor, share: Share[P]) -> None:
        """Add the gradients of a share's loss to those there are."""
        # Both DDP and FSDP take the mean over the processes, where the losses of the parts add up.
        (loss * (self.count if share.counts else 0)).backward()

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def any(self, *wishes: bool) -> list[bool]:
        """Return, for every wish, whether some process has it."""
        return [bool(n) for n in self.sum(torch.tensor(wishes, dtype=torch.int64)).tolist()]

    def wait(self) -> None:
        """Return when all processes have come here."""
        self.any(False)

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Let the leader do what stands inside before the others do it."""
        if not self.is_main_process:
            self.wait()
        yield
        if self.is_main_process:
            self.wait()


ALONE = Processes()


def join(settings: Training) -> Processes:
    """Return the processes that torchrun started, once all have come here; without torchrun the one there is.

    torchrun says in the environment who is who (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT).
    """
    device = pick_device(settings.device)
    if num_processes() == 1:
        return Processes(device)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if not dist.is_initialized():  # an earlier training in this process has done it
        # Words between the processes go by gloo everywhere: it notices at once when one is gone.
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(dist.destroy_process_group)  # its threads, left to the end, may abort the process
    return Processes(device, rank(), num_processes(), settings.parallel == "fsdp")


def whole(tensor: Tensor) -> Tensor:
    """Return all of a tensor that may be sharded; every process has to ask for it."""
    gather: Callable[[], Tensor] | None = getattr(tensor, "full_tensor", None)
    return gather() if gather else tensor


def gather_into(sharded: nn.Module, network: nn.Module) -> None:
    """Copy all weights of a sharded network into a `network` of the same shape; every process has to ask for it."""
    with torch.no_grad():
        for part, parameter in zip(sharded.parameters(), network.parameters(), strict=True):
            parameter.copy_(whole(part))


def shard_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Return a whole tensor cut as `parameter` is: this process's share where it is sharded and of equal shape."""
    if not hasattr(parameter, "full_tensor") or parameter.shape != value.shape:
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(parameter, DTensor)
    value = value.to(parameter.device)
    # No rank is the source: each has read the same.
    return distribute_tensor(value, parameter.device_mesh, parameter.placements, src_data_rank=None)


# What torch has for sharding takes a third as long to import as torch itself, so only those wait who shard.


def _shard(asking: nn.Module, layers: Sequence[nn.Module]) -> None:
    from torch.distributed.fsdp import fully_shard

    frozen = {p for p in asking.parameters() if not p.requires_grad}
    for module in (*layers, asking):
        fully_shard(module, ignored_params=frozen)


def _sum_gradients(module: nn.Module | None, now: bool) -> None:
    from torch.distributed.fsdp import FSDPModule

    cast(FSDPModule, module).set_requires_gradient_sync(now)
