"""Everything that decides how sums are rounded: with the same of it, the same steps give the same bits."""

import torch

from mamebert.errors import UserError
from mamebert.kernels import status
from mamebert.progress import say
from mamebert.training.processes import Processes


def arithmetic(processes: Processes, precision: torch.dtype) -> dict[str, str]:
    """Return device, precision, torch, number of processes, and on a CPU kernels and threads: what a snapshot keeps."""
    parallel = "" if processes.count == 1 else " (fsdp)" if processes.sharded else " (ddp)"
    found = {
        "processes": f"{processes.count}{parallel}",
        "device": processes.device.type,
        "precision": str(precision).removeprefix("torch."),
        "torch": str(torch.__version__),
    }
    if processes.device.type == "cpu":
        found |= {"threads": str(torch.get_num_threads()), "kernels": status().path}
    return found


def compare_arithmetic(before: dict[str, str], now: dict[str, str], inexact: bool) -> None:
    """Raise a UserError where a snapshot was made with another arithmetic; with `inexact` only say so."""
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if not names:
        return
    was, is_now = (", ".join(f"{name} {found.get(name, 'none')}" for name in names) for found in (before, now))
    if inexact:
        say(f"The snapshot was made with {was}; going on with {is_now}, the weights will differ in their last bits.")
        return
    as_before = f"Set OMP_NUM_THREADS={before['threads']}" if names == ["threads"] else f"Use {was} again"
    raise UserError(
        f"The last snapshot was made with {was}, and this start has {is_now}: it would not end with the same weights. "
        f"{as_before}, or go on anyway with inexact=true."
    )
