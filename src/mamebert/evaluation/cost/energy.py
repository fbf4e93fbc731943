"""The energy a training takes: read from the machine's own counters where it has some, else reckoned.

Processors count joules in RAPL (Linux shows them under /sys/class/powercap, often to root alone), NVIDIA GPUs since
Volta in NVML. Both count the whole device, whoever uses it. Without a counter a busy core is put down at 12 W and
memory at 0.3725 W a gigabyte, the figures of Green Algorithms for an unknown processor (Lannelongue, Grealey and
Inouye, 2021). Fans, power supplies and cooling are not in any of these.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import torch

POWERCAP = Path("/sys/class/powercap")
WATTS_PER_CORE = 12.0
WATTS_PER_GIGABYTE = 0.3725


@dataclass(frozen=True)
class Power:
    """Mean watts of a training, and what they are made of."""

    watts: float
    source: str


class EnergyMeter:
    """Reads the counters from when it is made; `read` has to be called every few minutes, for they start over."""

    def __init__(self, device: torch.device) -> None:
        self._began = monotonic()
        self._joules = 0.0
        self._packages = {path: count for path in _packages() if (count := _number(path / "energy_uj")) is not None}
        self._gpu = _GpuCounter.of(device) if device.type == "cuda" else None
        self._needs_gpu = device.type == "cuda"
        self._gpu_began = self._gpu.joules() if self._gpu else 0.0

    def read(self) -> None:
        """Add what the processors' counters have counted since."""
        for path, before in self._packages.items():
            now = _number(path / "energy_uj")
            if now is None:
                continue
            full_round = _number(path / "max_energy_range_uj") or 0
            self._joules += (now - before + (full_round if now < before else 0)) / 1e6
            self._packages[path] = now

    def power(self, busy_cores: float, gigabytes: float) -> Power | None:
        """Return the mean power so far; None where a GPU works whose counter cannot be read.

        `busy_cores` (processor seconds a second) and `gigabytes` of memory are reckoned with where no counter is.
        """
        if self._needs_gpu and not self._gpu:
            return None
        self.read()
        seconds = max(monotonic() - self._began, 1e-9)
        watts, sources = self._joules / seconds, ["processor packages, counted by RAPL"]
        if not self._packages:
            watts = busy_cores * WATTS_PER_CORE + gigabytes * WATTS_PER_GIGABYTE
            sources = [
                f"assumed: {WATTS_PER_CORE:g} W for each of {busy_cores:.1f} busy cores "
                f"and {WATTS_PER_GIGABYTE:g} W for each of {gigabytes:.1f} GB (Green Algorithms, 2021)"
            ]
        if self._gpu:
            watts += (self._gpu.joules() - self._gpu_began) / seconds
            sources.append("GPU, counted by NVML")
        return Power(watts, "; ".join(sources))


def counters(device: torch.device) -> list[str]:
    """Return the names of the counters that can be read here."""
    rapl = ["RAPL"] if any(_number(path / "energy_uj") is not None for path in _packages()) else []
    return rapl + (["NVML"] if device.type == "cuda" and _GpuCounter.of(device) else [])


def _packages() -> list[Path]:
    # intel-rapl:0 is a package (AMD's too); intel-rapl:0:1 is a part of it, which must not count twice.
    return sorted(p for p in POWERCAP.glob("intel-rapl:*") if p.name.count(":") == 1)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


class _GpuCounter:
    """The energy counter of one GPU, in NVIDIA's own library, which comes with the driver."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p) -> None:
        self._library, self._handle = library, handle

    @classmethod
    def of(cls, device: torch.device) -> "_GpuCounter | None":
        try:
            library = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return None
        # By its UUID, for CUDA_VISIBLE_DEVICES changes numbers.
        name = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
        handle = ctypes.c_void_p()
        if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle)):
            return None
        counter = cls(library, handle)
        return counter if counter.joules() > 0 else None

    def joules(self) -> float:
        """Return the joules since the driver was loaded; 0 where the device does not count them."""
        millijoules = ctypes.c_ulonglong()
        failed = self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(millijoules))
        return 0.0 if failed else millijoules.value / 1e3
