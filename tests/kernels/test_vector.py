"""Functions of vectors, on every set of instructions: near what they stand for, and NaN of any NaN."""

import subprocess

import numpy as np
import pytest
import torch

from mamebert.kernels import native
from mamebert.kernels.native import FLAGS, INSTRUCTION_SETS, SOURCE, _compiler, _processor_flags, status

USABLE = [name for name, (needed, _) in INSTRUCTION_SETS.items() if needed <= _processor_flags()]
pytestmark = pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}")
FUNCTIONS = ("exponential", "nearly_power_of_two", "tangent", "gelu", "gelu_new", "nearly_gelu")
PROGRAM = """
#include "normal.h"
#define OF(NAME) extern "C" void of_##NAME(const float* from, float* to, int64_t count, int) { \\
    for (int64_t j = 0; j < count; j += WIDTH) store(to + j, NAME(load(from + j))); }
"""


@pytest.fixture(scope="module", params=USABLE)
def of(request, tmp_path_factory):
    """What calls a function of source/*.h on numbers."""
    folder = tmp_path_factory.mktemp("vector")
    source, library = folder / "functions.cpp", folder / "functions.so"
    source.write_text(PROGRAM + "\n".join(f"OF({name})" for name in FUNCTIONS))
    flags = [*FLAGS, *INSTRUCTION_SETS[request.param][1], f"-I{SOURCE}"]
    subprocess.run([_compiler(), *flags, str(source), "-o", str(library)], check=True)
    functions = native.Library(library)

    def called(name, numbers):
        given = torch.from_numpy(np.resize(numbers, -(-len(numbers) // 16) * 16))
        found = torch.empty_like(given)
        functions(f"of_{name}", given, found, len(given))
        return found.numpy()[: len(numbers)]

    return called


def test_they_are_near_what_they_stand_for(of):
    x = np.linspace(-12, 12, 4801, dtype=np.float32)
    wide = torch.from_numpy(x).double()
    gelu = torch.nn.functional.gelu
    for name, wanted, error in (
        ("tangent", wide.tanh(), 2e-7),
        ("gelu", gelu(wide), 2e-6),
        ("gelu_new", gelu(wide, approximate="tanh"), 3e-6),
        ("nearly_gelu", gelu(wide), 1e-4),
    ):
        assert np.abs(of(name, x) - wanted.numpy()).max() < error, name
    small = np.array([1e-20, -1e-6, 1e-3, 0.3, -0.62], np.float32)
    np.testing.assert_allclose(of("tangent", small), np.tanh(small.astype(float)), rtol=3e-7)
    np.testing.assert_allclose(of("exponential", x), np.exp(x.astype(float)), rtol=3e-7)
    np.testing.assert_allclose(of("nearly_power_of_two", x), np.exp2(x.astype(float)), rtol=2e-4)
    assert of("nearly_power_of_two", np.array([-127, -1e30, -np.inf], np.float32)).tolist() == [0, 0, 0]
    assert of("tangent", np.array([-1e30, -np.inf, 90, np.inf], np.float32)).tolist() == [-1, -1, 1, 1]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_give_nan_of_any_nan(of, name):
    payloads = [1, 2, 0xFF, 0x100, 0x1FF, 0x8000, 0x3FFFFF, 0x400000, 0x400001, 0x4000FF, 0x4001FF, 0x7FFFFF]
    bits = np.array([sign | 0x7F800000 | each for each in payloads for sign in (0, 0x80000000)], np.uint32)
    assert np.isnan(of(name, bits.view(np.float32))).all()
