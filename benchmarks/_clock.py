"""How long work takes on a machine that others use too, and which machine that was."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch


@dataclass(frozen=True)
class Round:
    """Some steps taken without a pause."""

    tokens: int
    """Real tokens: padding is none."""
    seconds: float
    """On a processor its own seconds, over the threads it may use: what the work takes where nobody else is."""
    wall_seconds: float
    flops: int = 0
    """Operations that the steps could not do without, where they were counted."""

    @property
    def speed(self) -> float:
        """Operations a second."""
        return self.flops / self.seconds

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds


class Clock:
    """Tells the seconds since it was last read."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._began = self._now()

    def read(self) -> tuple[float, float]:
        """Return seconds (see `Round`) and wall seconds since the last reading."""
        began, self._began = self._began, self._now()
        wall, processor = (b - a for a, b in zip(began, self._began, strict=True))
        return (wall if self.device.type == "cuda" else processor / torch.get_num_threads()), wall

    def _now(self) -> tuple[float, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return perf_counter(), process_time()


def timed(work: Callable[[], int], device: torch.device) -> Round:
    """Do the work, which returns its number of tokens."""
    clock = Clock(device)
    tokens = work()
    return Round(tokens, *clock.read())


def rate(rounds: list[Round]) -> float:
    """Return the median rate, in tokens a second."""
    return median(each.rate for each in rounds)


def summary(rounds: list[Round]) -> dict[str, Any]:
    """Return the rates of some rounds as a record keeps them."""
    rates = [each.rate for each in rounds]
    return {
        "tokens_per_second": round(rate(rounds)),
        "lowest": round(min(rates)),
        "highest": round(max(rates)),
        "wall_tokens_per_second": round(median(each.tokens / each.wall_seconds for each in rounds)),
        "rounds": len(rounds),
    }


def machine(device: torch.device) -> dict[str, Any]:
    """Return what the numbers were made on, and with which versions."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("torch", "transformers", "accelerate", "numpy")},
        "python": platform.python_version(),
    }
