import sys

import pytest
import torch

from mamebert.evaluation.memory import forget_peak_memory, peak_memory

CPU = torch.device("cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets")
def test_the_peak_remembers_what_was_given_back_until_it_is_forgotten():
    forget_peak_memory(CPU)
    before = peak_memory(CPU)
    held = torch.ones(50_000_000)
    del held
    assert peak_memory(CPU) - before > 150e6
    forget_peak_memory(CPU)
    assert peak_memory(CPU) < before + 50e6
