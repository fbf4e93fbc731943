"""Batches made in the background, before they are asked for."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
END = object()


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yield the items in their order, each made up to `depth` before its turn by one background thread.

    An error is raised where its item would have come. The thread ends with the items, or when the caller
    closes this iterator or lets go of it.
    """
    made, is_ending = iter(items), sys.is_finalizing  # modules are empty when a program ends amid the items
    maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
    waiting = deque(maker.submit(next, made, END) for _ in range(depth))
    try:
        while (item := waiting.popleft().result()) is not END:
            waiting.append(maker.submit(next, made, END))
            yield item  # type: ignore[misc]  # END is gone
    finally:
        if not is_ending():
            maker.shutdown(cancel_futures=True)
