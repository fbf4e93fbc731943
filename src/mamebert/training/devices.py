"""The device and the type of the arithmetic."""

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mamebert.errors import UserError

if TYPE_CHECKING:
    import torch

GPUS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvhost-ctrl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
"""Where Linux has GPUs: those of NVIDIA, of Tegra, of Windows' Linux, of AMD."""


def is_surely_cpu(name: str) -> bool:
    """Tell whether `pick_device` would give the processor, as far as that is known without torch, which takes long."""
    if name != "auto":
        return name == "cpu"
    if "torch" in sys.modules:
        return pick_device(name).type == "cpu"
    return sys.platform == "linux" and not any(Path(each).exists() for each in GPUS)


def pick_device(name: str) -> "torch.device":
    """Return the device called `name`; "auto" is a GPU where there is one."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"There is no device {name!r} on this machine. Use training.device=auto or cpu.") from error
    return device


def pick_precision(name: str, device: "torch.device") -> "torch.dtype":
    """Return the arithmetic type; "auto" is bfloat16 where it is native, else float32."""
    import torch

    if name == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device.type) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


@cache
def _multiplies_bfloat16(device_type: str) -> bool:
    import torch

    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
