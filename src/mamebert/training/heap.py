"""Memory that a step frees is kept for the next one.

glibc gives large arrays back to the system as soon as they are freed, and every page of the next step's is then made,
and filled with zeros, anew: 7 % of a step of L4-H256 on a processor (docs/lab.md, 2026-12-01).
"""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""From glibc's malloc.h."""
KEPT = {M_MMAP_THRESHOLD: 1 << 28, M_TRIM_THRESHOLD: 1 << 30}
"""Arrays of up to 256 MiB come from the heap, of which 1 GiB may lie idle: gradients of large vocabularies, logits."""
GLIBCS_OWN = {M_MMAP_THRESHOLD: 1 << 25, M_TRIM_THRESHOLD: 1 << 26}
"""What glibc arrives at by itself once arrays of 32 MiB were freed."""


def keep_freed_memory(limits: dict[int, int] = KEPT) -> None:
    """Tell glibc's heap how much to keep for this process; nothing happens with another C library."""
    heap = _glibc()
    for which, size in limits.items():
        if heap:
            heap.mallopt(which, size)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep what is freed inside, and give it back at the end: what comes after a training is measured without it."""
    keep_freed_memory()
    try:
        yield
    finally:
        keep_freed_memory(GLIBCS_OWN)
        if heap := _glibc():
            heap.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
