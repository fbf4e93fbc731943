import resource
import sys

import pytest
import torch

from mamebert.evaluation.cost.memory import at_most, forget_peak_memory, peak_memory

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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process may take")
def test_what_asks_for_more_than_it_may_take_gets_nothing_and_the_limit_goes_with_it():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with at_most(100_000_000):
        torch.ones(1_000_000)
        with pytest.raises(RuntimeError, match="allocate"):
            torch.ones(1_000_000_000)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    torch.empty(1_000_000_000)
