"""The highest rate of matrix products that this machine reaches: what a share of it (MFU) is a share of."""

from dataclasses import dataclass
from functools import cache
from time import perf_counter, process_time

import torch

# Dense bfloat16 products of tensor cores, TFLOP/s, from NVIDIA's data sheets; the first name found in the device's.
DATA_SHEETS = (("H200", 989.0), ("H100 PCIe", 756.0), ("H100", 989.0), ("A100", 312.0), ("L40S", 362.0), ("L4", 121.0))
TRIES = 5
LARGEST = {"cpu": 2048, "cuda": 8192}
LONG_ENOUGH = 0.05  # seconds of a product that starting the threads does not matter for


@dataclass(frozen=True)
class Peak:
    """A rate, and where it is known from."""

    flops: float
    """Floating-point operations a second."""
    source: str


@cache
def product_peak(device: torch.device, kind: torch.dtype, threads: int) -> Peak:
    """Return the peak of one device in one type of arithmetic.

    Known GPUs have their data sheet's in bfloat16. Everything else multiplies two square matrices some times, and the
    best counts (half a second in all). On a processor the time is that of the `threads` themselves, so that other
    work on the machine does not make its peak look lower.
    """
    if device.type == "cuda" and kind == torch.bfloat16:
        name = torch.cuda.get_device_name(device)
        for part, tera in DATA_SHEETS:
            if part in name:
                return Peak(tera * 1e12, f"data sheet of {part}")
    size, seconds = 256, 0.0
    while seconds < LONG_ENOUGH:
        size *= 2
        a, b = (torch.ones(size, size, dtype=kind, device=device) for _ in range(2))
        seconds = min(_seconds(a, b, threads) for _ in range(TRIES))
        if size == LARGEST.get(device.type, 2048):
            break
    return Peak(2 * size**3 / seconds, f"measured, {size} x {size} matrices")


def _seconds(a: torch.Tensor, b: torch.Tensor, threads: int) -> float:
    if a.device.type == "cuda":
        torch.cuda.synchronize(a.device)
    wall, processor = perf_counter(), process_time()
    a @ b
    if a.device.type == "cuda":
        torch.cuda.synchronize(a.device)
        return perf_counter() - wall
    return min(perf_counter() - wall, (process_time() - processor) / threads)
