"""`mamebert doctor`: what this machine has, which path a training takes on it, and why."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import torch

from mamebert import kernels
from mamebert.evaluation.cost.energy import counters
from mamebert.evaluation.cost.peak_flops import product_peak
from mamebert.extras import EXTRAS
from mamebert.runs import processor_name
from mamebert.training.devices import pick_device, pick_precision

PACKAGES = ("mamebert", "torch", "transformers", "tokenizers", "safetensors", "gensim", "numpy", "scikit-learn")
MEMORY_WANTED, DISK_WANTED = 2e9, 5e9  # H256-L4 with a vocabulary of 32,000 takes about half of either


@dataclass(frozen=True)
class Finding:
    """One fact about the machine."""

    name: str
    fact: str
    remedy: str = ""
    """What to do about it; empty where all is well."""

    def __str__(self) -> str:
        sign = "warning" if self.remedy else "OK"
        return f"{sign:8}{self.name + ':':19}{self.fact}{'. ' + self.remedy if self.remedy else ''}"


def findings() -> Iterator[Finding]:
    """Yield the facts, quick ones first; the last ones build the native kernels and multiply matrices."""
    yield Finding("Python", f"{platform.python_version()} ({sys.executable}), {platform.system()} {platform.release()}")
    yield Finding("packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    yield from (_extra(name) for name in EXTRAS)
    yield _memory()
    yield _disk()
    yield _cores()
    device = pick_device("auto")
    yield _gpu(device)
    yield _bfloat16(device)
    if device.type == "cpu":
        yield _kernels()
    yield _energy(device)
    precision = pick_precision("auto", device)
    peak = product_peak(device, precision, torch.get_num_threads())
    kind = str(precision).removeprefix("torch.")
    yield Finding("matrix products", f"{peak.flops / 1e9:,.0f} GFLOP/s in {kind} ({peak.source})")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not there)"


def _extra(name: str) -> Finding:
    extra = EXTRAS[name]
    if any(find_spec(module) is None for module in extra.modules):
        needed = f"not installed; {extra.needed_by} need it"
        return Finding(f"extra {name}", needed, f"Install it with pip install 'mamebert[{name}]'.")
    return Finding(f"extra {name}", f"installed ({extra.needed_by})")


def _memory() -> Finding:
    page = os.sysconf("SC_PAGE_SIZE")
    total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    free = max(free, _available())
    fact = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB available"
    return Finding(
        "memory", fact, "" if free >= MEMORY_WANTED else "Lower training.micro_batch_tokens, or close programs."
    )


def _available() -> int:
    # Linux: memory that caches hold counts as free.
    path = Path("/proc/meminfo")
    lines = path.read_text(encoding="ascii").splitlines() if path.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    remedy = "" if free >= DISK_WANTED else "Free some space, or put output on another disk."
    return Finding("disk", f"{free / 1e9:.1f} GB free in {Path.cwd()}", remedy)


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    fact = f"{processor_name()}, {torch.backends.cpu.get_cpu_capability()}, cores {cores}, threads {threads}"
    if threads == cores:
        return Finding("processor", fact)
    return Finding("processor", fact, f"Set OMP_NUM_THREADS={cores} unless other work needs the rest.")


def _gpu(device: torch.device) -> Finding:
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        others = f", {torch.cuda.device_count()} in all" if torch.cuda.device_count() > 1 else ""
        return Finding("GPU", f"{about.name}, {about.total_memory / 1e9:.0f} GB{others}; CUDA {torch.version.cuda}")
    if Path("/proc/driver/nvidia").exists():
        remedy = "Install a torch built for CUDA (pytorch.org, Get started)."
        return Finding("GPU", "an NVIDIA driver is there and this torch cannot use it", remedy)
    return Finding("GPU", "none; training runs on the processor")


def _bfloat16(device: torch.device) -> Finding:
    if pick_precision("auto", device) == torch.bfloat16:
        return Finding("bfloat16", "multiplied natively; training.precision=auto takes it")
    return Finding("bfloat16", "not native here; training.precision=auto takes float32")


def _kernels() -> Finding:
    found = kernels.status()
    if found.path != "torch":
        return Finding("native kernels", f"{found.path}: {found.reason.rstrip('.')}")
    remedy = "Training works and is slower."
    if "MAMEBERT_KERNELS" in found.reason:
        remedy += " Unset MAMEBERT_KERNELS."
    elif "compiler" in found.reason:
        remedy += " Install a C++ compiler (Debian: apt install g++)."
    return Finding("native kernels", f"not in use: {found.reason.rstrip('.')}", remedy)


def _energy(device: torch.device) -> Finding:
    found = counters(device)
    return Finding("energy", f"counted by {' and '.join(found)}" if found else "no counter can be read; it is reckoned")
