"""What the processes of a group that do not lead do where the leader writes, and who of them tells a mistake."""

import sys
from typing import Any, Self

import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from mamebert.errors import UserError
from mamebert.ranks import leads
from mamebert.runs import Run


class Followed(Run):
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
    return Run if leads() else Followed


def told(error: Exception) -> bool:
    """Return whether a person has been told what ended this process; tell it if nobody has yet.

    A mistake that one process alone meets ends the others by a lost connection, which is no news then.
    Other errors than these are not told.
    """
    lost = isinstance(error, dist.DistError) or "gloo" in str(error)
    if (lost or isinstance(error, UserError)) and _first_to_speak():
        sentence = "Another process has ended. Start the same command again: it goes on." if lost else error
        print(f"mamebert: {sentence}", file=sys.stderr, flush=True)
    return lost or isinstance(error, UserError)


def _first_to_speak() -> bool:
    try:
        # The store belongs to torchrun and outlives its processes.
        store, *_ = next(rendezvous("env://"))
        return bool(store.add("mamebert/told", 1) == 1)
    except dist.DistError:
        return leads()
