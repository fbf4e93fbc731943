"""The same work on many items on a Ray cluster: that of RAY_ADDRESS, else one started on this machine."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from socket import create_connection
from typing import Any, TypeVar

from mamebert.errors import UserError
from mamebert.extras import require_extra

T = TypeVar("T")
R = TypeVar("R")

WAITING_PER_CORE = 2
OBJECT_STORE_BYTES = 256 * 2**20
"""Memory that items and results share on a cluster of our own; what is beyond goes to disk."""


def ray_map(work: Callable[[T], R], items: Iterable[T], processes: int, cores: int) -> Iterator[R]:
    """Yield `work(item)` for each item, in order; `processes` (0: a core of the cluster each) are at work at a time.

    Without a cluster one is started here with `cores` cores, and ended behind the last item. All machines of a
    cluster read and write the same folders. An item whose machine or process is lost is worked on again.
    """
    require_extra("ray")
    import ray

    ours = not ray.is_initialized()
    if ours:
        _join(ray, processes or cores)
    slots = processes or max(1, int(ray.cluster_resources().get("CPU", 1)))
    run = ray.remote(_work_in)
    shared, folder = ray.put(work), os.getcwd()
    waiting: deque[Any] = deque()
    try:
        for item in items:
            waiting.append(run.remote(shared, folder, item))
            if len(waiting) > slots * WAITING_PER_CORE:
                yield _result(ray, waiting.popleft())
        while waiting:
            yield _result(ray, waiting.popleft())
    finally:
        if ours:
            ray.shutdown()
        else:
            for each in waiting:
                ray.cancel(each, force=True)


def _join(ray: Any, cores: int) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to its makers over the network
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address := os.environ.get("RAY_ADDRESS"):
        try:
            _require_answer(address)
            ray.init(address, **quiet)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"The Ray cluster of RAY_ADDRESS, {address}, cannot be joined ({error}). Start it with `ray start "
                "--head`, or unset RAY_ADDRESS."
            ) from error
    else:
        ray.init("local", num_cpus=cores, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **quiet)


def _require_answer(address: str) -> None:
    """Raise an OSError where nothing listens, which Ray itself finds out in four minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():  # not so in "auto" and the like
        create_connection((host, int(port)), timeout=10).close()


def _work_in(work: Callable[[T], R], folder: str, item: T) -> R:
    """Work on an item where the paths are those of the process that asks."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(
            f"A machine of the Ray cluster has no folder {folder}. Start in a folder that all machines share."
        ) from error
    return work(item)


def _result(ray: Any, asked: Any) -> Any:
    try:
        return ray.get(asked)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error  # what the work has raised, as it would be raised here
    except ray.exceptions.RayError as error:
        raise UserError(
            "A Ray worker ended early, several times, most often because memory ran out. Start again with processes=1."
        ) from error
