"""Memory that a training keeps is given back when it ends."""

import platform
import subprocess
import sys

import pytest

LEFT_BY_AN_ARRAY = """
import torch
from mamebert.evaluation.cost.memory import forget_peak_memory, peak_memory
from mamebert.training.heap import freed_memory_kept

CPU = torch.device("cpu")

def left_by_an_array():
    forget_peak_memory(CPU)
    before = peak_memory(CPU)
    array = torch.ones(50_000_000)
    del array
    forget_peak_memory(CPU)
    return peak_memory(CPU) - before

with freed_memory_kept():
    print(left_by_an_array())
print(left_by_an_array())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap is told what to keep")
def test_what_is_freed_is_kept_inside_and_given_back_at_the_end():
    # A process of its own: in one that has learnt before, the array finds a place that is kept already.
    done = subprocess.run([sys.executable, "-c", LEFT_BY_AN_ARRAY], capture_output=True, text=True, check=True)
    inside, behind = map(int, done.stdout.split())
    assert inside > 150e6
    assert behind < 50e6
