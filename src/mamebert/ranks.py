"""The rank of this process among those that torchrun started."""

import os


def rank() -> int:
    """Return the number of this process, from 0; 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))


def num_processes() -> int:
    """Return how many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Return whether this process writes and speaks for all."""
    return rank() == 0
