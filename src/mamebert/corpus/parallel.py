"""The same work on many items in several processes, of this machine or of a cluster; results come in their order."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import chain, islice
from multiprocessing import active_children, forkserver, get_context, set_forkserver_preload
from multiprocessing.context import BaseContext
from time import monotonic
from typing import Any, Literal, TypeVar

from mamebert.children import end_with_parent, spawning
from mamebert.corpus.on_ray import ray_map
from mamebert.errors import UserError
from mamebert.extras import require_extra

T = TypeVar("T")
R = TypeVar("R")

Engine = Literal["local", "ray"]
Start = Literal["spawn", "server"]
"""How processes start: each by itself, importing what it takes; or off one that has imported it, and does nothing else,
which is for work that neither torch nor anything else that starts threads has a part in."""

WAITING_PER_PROCESS = 2
START_SECONDS = 0.5
"""What a process that cleans or encodes takes to start by itself, on a quiet core."""
LARGE_BYTES = 2_500_000
"""Of document shards, packed as they are; some 8 MB of text. Two processes do more of it sooner than one does."""


def num_cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require(engine: Engine) -> None:
    """Raise a UserError where an engine is not installed."""
    if engine == "ray":
        require_extra("ray")


def begin_server(work: Callable[..., Any], num_bytes: int, processes: int = 0, engine: Engine = "local") -> None:
    """Begin to start what the processes of some work will come off (`ordered_map` with start="server"), and go on.

    This takes another core a third of a second; where document shards are few bytes, nothing is begun.
    """
    if num_bytes > LARGE_BYTES and engine == "local" and (processes or num_cores()) > 1 and sys.platform == "linux":
        _context(work, "server")
        with spawning():
            forkserver.ensure_running()


def _context(work: Callable[..., Any], start: Start) -> BaseContext:
    # "fork" is never taken: a process in which torch or Arrow has started threads can hang its child. Elsewhere than
    # on Linux, libraries of the system mind to be forked even where nothing but imports was done.
    if start == "spawn" or sys.platform != "linux":
        return get_context("spawn")
    while isinstance(work, partial):
        work = work.func
    set_forkserver_preload([work.__module__])
    return get_context("forkserver")


def ordered_map(
    work: Callable[[T], R],
    items: Iterable[T],
    processes: int = 0,
    abandon: bool = False,
    engine: Engine = "local",
    seconds_here: float = 0.0,
    start: Start = "spawn",
) -> Iterator[R]:
    """Yield `work(item)` for each item, in order, computed in `processes` processes (0: one per core).

    Items are read only a little ahead, so an endless or huge iterable costs no memory. A single item, or what one local
    process does, is worked on here; so are the first items until these have taken `seconds_here`, for processes take
    time to start. `work` must be a top-level function (or a `partial` of one).
    Whatever ends this early waits for the items at work, or with `abandon` ends their processes.
    """
    items = iter(items)
    took = 0.0
    while took < seconds_here and engine == "local" and (alone := list(islice(items, 1))):
        began = monotonic()
        done = work(alone[0])
        took += monotonic() - began
        yield done
    first = list(islice(items, 2))
    items = chain(first, items)
    if engine == "ray" and len(first) == 2:
        yield from ray_map(work, items, processes, num_cores())
        return
    processes = processes or num_cores()
    if processes == 1 or len(first) < 2:
        yield from map(work, items)
        return
    others = active_children()
    with ProcessPoolExecutor(processes, _context(work, start), initializer=end_with_parent) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                with spawning():
                    waiting.append(pool.submit(work, item))
                if len(waiting) > processes * WAITING_PER_PROCESS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise UserError(
                "A worker process ended early, most often because memory ran out. Start again with processes=1, "
                'or, in a script of your own, put the call under `if __name__ == "__main__":`.'
            ) from error
        except BaseException:
            for child in active_children() if abandon else ():
                if child not in others:
                    child.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
