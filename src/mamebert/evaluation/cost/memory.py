"""The most memory that this process has held."""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_STATM = Path("/proc/self/statm")
_LIMIT = Path("/sys/fs/cgroup/memory.max")


def forget_peak_memory(device: torch.device) -> None:
    """Begin anew: what this process held before no longer counts, where the system can do that (Linux, CUDA)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _CLEAR.exists():
        try:
            _CLEAR.write_text("5", encoding="ascii")  # proc(5): resets the peak resident set size
        except OSError:
            return  # a container may forbid it; the peak is then that of the whole process


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held at once: of the GPU's memory there, else of resident memory.

    Resident memory has everything in it: interpreter, libraries, and the pages of mapped files that were read.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return _from_status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT


@contextmanager
def at_most(num_bytes: int) -> Iterator[None]:
    """Let this process take only so many more bytes of addresses within, where the system can limit them (Linux).

    What asks for more gets the error of its library, or a MemoryError; nothing is taken.
    """
    try:
        in_use = int(_STATM.read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = in_use + num_bytes
    bounds = [wanted, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def memory_of(device: torch.device) -> int:
    """Return the bytes of memory that a device has in all: a GPU's own, else the machine's or what a group may have."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return machine


_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def _from_status(name: str) -> int:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
