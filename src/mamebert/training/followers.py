"""Processes of a group other than the main one, and which of all reports how it ended."""

from typing import Any, Self

import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from mamebert.ranks import is_main_process
from mamebert.runs import Run


class ReadOnlyRun(Run):
    """A run as those see it that do not lead: they read its folder and write nothing."""

    def record(self, **numbers: Any) -> None:
        """Leave the line to the leader."""

    def sync_metrics(self) -> None:
        """Leave it to the leader."""

    def keep_metrics(self, lines: list[dict[str, Any]]) -> None:
        """Leave the lines to the leader."""

    def finish(self) -> Self:
        """Leave the record to the leader."""
        return self

    def _mend_metrics(self) -> None:
        pass

    def _write_record(self, finished: bool = False) -> None:
        pass

    def _lock(self) -> None:
        pass

    def _unlock(self) -> None:
        pass


def begin_run() -> type[Run]:
    """Return what this process begins a run with."""
    return Run if is_main_process() else ReadOnlyRun


def lost_a_process(error: Exception) -> bool:
    """Return whether an error says that another process of the group is gone."""
    return isinstance(error, dist.DistError) or "gloo" in str(error)


def claims_the_message() -> bool:
    """Return whether no process of the group has asked this before.

    What one process meets alone (a mistake, SIGTERM) ends the others too, and is to be told once.
    """
    try:
        # The store belongs to torchrun and outlives its processes.
        store, *_ = next(rendezvous("env://"))
        return bool(store.add("mamebert/told", 1) == 1)
    except dist.DistError:
        return is_main_process()
