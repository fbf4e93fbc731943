"""What the tests claim holds on every path that this machine's processor can take, so on other processors too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mamebert.kernels.native import INSTRUCTION_SETS, _processor_flags, status

TESTS = Path(__file__).parents[1]
ABOUT_NUMBERS = ["kernels", "encoder", "serving", "golden", "parity", "tasks", "contracts/test_tasks.py"]
USABLE = [name for name, (needed, _) in INSTRUCTION_SETS.items() if needed <= _processor_flags()]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["torch", *USABLE])
def test_the_tests_pass(name):
    if name != "torch" and status().path == "torch":
        pytest.skip(f"no native kernels here: {status().reason}")
    places = [str(TESTS / each) for each in ABOUT_NUMBERS if (TESTS / each).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow and not gpu", *places]
    environment = {**os.environ, "MAMEBERT_KERNELS": name}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
