"""The native kernels touch no memory that is not theirs and do nothing that C++ leaves open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mamebert.kernels.native import FLAGS, INSTRUCTION_SETS, SOURCE, _compiler, _processor_flags, status

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}"),
]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]


def runtimes():
    """Return what has to be loaded before everything else: the sanitizer's own part, and that of C++."""
    names = ["libasan.so", "libstdc++.so"]
    found = [subprocess.check_output([_compiler(), f"-print-file-name={n}"], text=True).strip() for n in names]
    if not all(Path(path).is_absolute() for path in found):
        pytest.skip(f"{_compiler()} has no address sanitizer")
    return ":".join(found)


@pytest.mark.parametrize("name", [n for n, (needed, _) in INSTRUCTION_SETS.items() if needed <= _processor_flags()])
def test_sanitizers_find_nothing_in_any_kernel(name, tmp_path):
    library, first = tmp_path / "kernels.so", runtimes()
    flags = [*(flag for flag in FLAGS if flag != "-O3"), *INSTRUCTION_SETS[name][1], *SANITIZE]
    command = [_compiler(), *flags, *map(str, sorted(SOURCE.glob("*.cpp"))), "-o", str(library)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode and "sanitize" in built.stderr:
        pytest.skip(f"{_compiler()} has no sanitizers")
    assert built.returncode == 0, built.stderr
    environment = {
        **os.environ,
        "LD_PRELOAD": first,
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",  # Python itself leaves memory to the end of the process
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    program = [sys.executable, str(Path(__file__).with_name("_every_kernel.py")), str(library)]
    done = subprocess.run(program, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, "went through all\n"), done.stderr[-6000:]
