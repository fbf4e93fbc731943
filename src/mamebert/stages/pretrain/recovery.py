"""Recovery of a pretraining: snapshots to go on from, and earlier weights when those at hand break."""

from time import monotonic
from typing import Any

import torch

from mamebert.progress import say
from mamebert.runs import Run
from mamebert.stages.pretrain.progress_counts import Counters
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.training.arithmetic import compare_arithmetic
from mamebert.training.loop import Step
from mamebert.training.processes import Processes
from mamebert.training.snapshot import Snapshot, put_back, state_of
from mamebert.training.snapshot_folder import SnapshotFolder
from mamebert.training.trouble import Watch


class Recovery:
    """The snapshots of one pretraining."""

    def __init__(
        self,
        config: PretrainConfig,
        run: Run,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        arithmetic: dict[str, str],
        processes: Processes,
    ) -> None:
        self.config, self.run, self.network, self.optimizer = config, run, network, optimizer
        self.arithmetic, self.processes = arithmetic, processes
        self.folder = SnapshotFolder(run.folder / "snapshots", config.keep_snapshots, run.sync_metrics)
        self._taken = monotonic()

    def resume(self) -> tuple[Counters, Watch]:
        """Go to the newest snapshot, if there is one; records made after it are dropped, for they are made again."""
        found = self.folder.newest()
        if found:
            compare_arithmetic(found.arithmetic, self.arithmetic, self.config.inexact)
            put_back(found.tensors, self.network, self.optimizer)
            self.run.seconds = found.progress["seconds"]
        self.processes.wait()  # nothing is written before all have read
        step = found.step if found else 0
        self.run.keep_metrics([line for line in self.run.metrics() if line["step"] <= step])
        saved = found.progress if found else {"count": {}, "watch": {}}
        return Counters(**saved["count"]), Watch(self.config.trouble, **saved["watch"])

    def take(self, count: Counters, watch: Watch) -> None:
        """Copy everything that going on needs; it is written while training goes on."""
        progress = {"count": count.saved(), "watch": watch.saved(), "seconds": self.run.worked_seconds()}
        tensors = state_of(self.network, self.optimizer)
        if self.processes.is_main_process:
            self.folder.take(Snapshot(count.step, tensors, progress, self.arithmetic), needed=watch.marks)
        self._taken = monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for a snapshot. One that is still being written is not waited for."""
        self.folder.raise_failure()
        return monotonic() - self._taken >= self.config.snapshot_seconds and not self.folder.busy

    def mend(self, step: Step, watch: Watch) -> dict[str, Any]:
        """Bring earlier weights back if those at hand are broken; return what was wrong and what was done."""
        done = "left out"
        if watch.weights_are_broken():
            back_to = watch.go_back_from(step.number)
            with self.processes.leader_first():  # it knows when what it writes is written
                found = self.folder.of(back_to)
            put_back(found.tensors, self.network, self.optimizer)
            done = f"left out, weights of step {back_to} back"
        say(f"Step {step.number}: {step.trouble}; {done}.")
        return {"lr": step.lr, "trouble": step.trouble, "remedy": done, "lr_factor": watch.lr_factor}
