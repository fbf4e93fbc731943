"""The native kernels: compiled on first use for this processor, kept, and done without where that is impossible.

The C++ source (`source/`) is one text for every instruction set. Which set is used is decided when the program
runs; the library is kept under the hash of source, flags and compiler, so another processor or another version
never meets it. Whoever has no compiler gets the same results from torch, more slowly, and is told once.
"""

import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mamebert.errors import UserError
from mamebert.kernels.building import Unavailable, ask, build, find, key_of, private_folder
from mamebert.progress import say

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[Any]
ID = "id of a token, position or segment"
"""What `require_within` says is outside of a table."""
SOURCE = Path(__file__).with_name("source")
FLAGS = [
    "-O3",
    "-shared",
    "-fPIC",
    "-fopenmp",
    "-std=c++17",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
]
# Best first: what a processor must have (names of /proc/cpuinfo), and how the compiler is told.
_AVX512 = {"avx512f", "avx512bw", "avx512vl", "avx512dq", "fma"}
_AS_AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"]
INSTRUCTION_SETS = {
    "avx512_bf16": ({*_AVX512, "avx512_vnni", "avx512_bf16"}, [*_AS_AVX512, "-mavx512vnni", "-mavx512bf16"]),
    "avx512_vnni": ({*_AVX512, "avx512_vnni"}, [*_AS_AVX512, "-mavx512vnni"]),
    "avx512": (_AVX512, _AS_AVX512),
    "avx2": ({"avx2", "fma"}, ["-mavx2", "-mfma"]),
    "baseline": (set[str](), list[str]()),
}


@dataclass(frozen=True)
class Status:
    """Which path the kernels take on this machine, and why."""

    path: str
    """`native (avx2)`, say, or `torch`."""
    reason: str


class Library:
    """The compiled kernels; a call takes tensors or arrays and numbers in the order of the C function."""

    def __init__(self, path: Path) -> None:
        self._functions = ctypes.CDLL(str(path))

    def __call__(self, name: str, *arguments: "Tensor | Array | float | int | None") -> int:
        """Run kernel `name` on all threads of torch, or as many as it would take where nothing has imported it yet.

        Tensors and arrays have to be contiguous or views whose rows are known. Returns what the kernel does, which
        means nothing where that is void.
        """
        kernel, torch = getattr(self._functions, name), sys.modules.get("torch")
        told = getattr(torch, "get_num_threads", None)
        threads = told() if told else self._threads
        return int(kernel(*map(_as_c, arguments), ctypes.c_int(threads)))

    @cached_property
    def _threads(self) -> int:
        asked = "OMP_NUM_THREADS" in os.environ or "MKL_NUM_THREADS" in os.environ
        most = int(self._functions.omp_get_max_threads())
        return most if asked else min(most, num_cores())


def num_cores() -> int:
    """Return how many cores this process may use; two threads of one core count once, as they do for torch."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    places = Path("/sys/devices/system/cpu"), "topology/thread_siblings_list"
    try:
        return len({(places[0] / f"cpu{n}" / places[1]).read_text("utf-8") for n in os.sched_getaffinity(0)})
    except OSError:
        return len(os.sched_getaffinity(0))


def kernels() -> Library | None:
    """Return the library where it may be used: it was built, and nobody asks for torch's path."""
    return None if _without else _library()


def native(*tensors: "Tensor") -> Library | None:
    """Return the library where it can work on these tensors (CPU; float32 or bfloat16; rows that fill vectors)."""
    return native_of(tensors[0]) if all(t.shape[-1] % 16 == 0 for t in tensors) else None


def native_of(tensor: "Tensor") -> Library | None:
    """Return the library where it can work on such a tensor, for kernels to which the length of a row is all one."""
    import torch

    return kernels() if on_cpu(tensor) and tensor.dtype in (torch.float32, torch.bfloat16) else None


def on_cpu(tensor: "Tensor") -> bool:
    """Return whether a tensor is there to be computed with on a CPU now, not to be written into a graph."""
    import torch

    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return False
    return tensor.device.type == "cpu"


def require_within(ids: "Tensor | Array", size: int, what: str) -> None:
    """Raise a UserError where an id is no row of a table of `size` rows: a kernel would read beyond it.

    On a GPU torch looks itself, and asking would wait for it.
    """
    if not (isinstance(ids, np.ndarray) or on_cpu(ids)) or not len(ids):
        return
    # A call of torch takes longer than a short text's ids do.
    numbers = ids if isinstance(ids, np.ndarray) else ids.numpy()
    if int(np.maximum.reduce(numbers.view(np.uint64))) >= size:  # those below 0 are larger than all others
        low, high = int(numbers.min()), int(numbers.max())
        raise UserError(
            f"The {what} {low if low < 0 else high} is none of the {size:,} that the model has. "
            "Use the tokenizer and the length that belong to the model."
        )


def type_name(tensor: "Tensor") -> str:
    """Return `float32` or `bfloat16`: the end of a kernel's name."""
    return str(tensor.dtype).removeprefix("torch.")


_without: list[bool] = []


@contextmanager
def torch_only() -> Iterator[None]:
    """Take the torch path within, to compare or to differentiate twice."""
    _without.append(True)
    try:
        yield
    finally:
        _without.pop()


def status() -> Status:
    """Build the kernels if need be and return which path is in use. MAMEBERT_KERNELS may name another one."""
    return _found()[0]


@cache
def _found() -> tuple[Status, Library | None]:
    try:
        wanted = os.environ.get("MAMEBERT_KERNELS", "auto")
        if wanted == "torch":
            raise Unavailable("MAMEBERT_KERNELS=torch asks for it")
        name = _instruction_set(wanted)
        path = _build(name)
        library = _load(path)
    except Unavailable as reason:
        return Status("torch", f"{reason}."), None
    chosen = "this processor's best" if wanted == "auto" else f"MAMEBERT_KERNELS={wanted} asks for it"
    return Status(f"native ({name})", f"{chosen}; kept in {path.parent}."), library


@cache
def _library() -> Library | None:
    found, library = _found()
    if library is None and "MAMEBERT_KERNELS" not in found.reason:
        say(f"Native kernels are not in use, so training is slower: {found.reason}")
    return library


def _load(path: Path) -> Library:
    try:
        return Library(path)
    except OSError as error:  # a disk from which nothing may be run, say
        raise Unavailable(f"they cannot be loaded from {path.parent} ({error})") from error


def _instruction_set(wanted: str) -> str:
    has = _processor_flags()
    usable = [name for name, (needed, _) in INSTRUCTION_SETS.items() if needed <= has]
    if wanted == "auto":
        return usable[0]
    if wanted not in usable:
        raise UserError(
            f"MAMEBERT_KERNELS={wanted!r} cannot be used on this processor. "
            f"Choose from: auto, torch, {', '.join(usable)}."
        )
    return wanted


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())


@cache
def _compiler() -> str:
    named = os.environ.get("CXX")
    found = next((path for path in map(shutil.which, [named] if named else ["g++", "clang++"]) if path), None)
    if found is None:
        raise Unavailable(f"there is no C++ compiler ({named or 'g++ or clang++'}); install g++")
    return found


def _build(name: str) -> Path:
    """Return the library for an instruction set, from the cache or from the compiler."""
    sources = sorted(SOURCE.iterdir())
    _, version, _ = ask([_compiler(), "--version"], 60)
    about = [*FLAGS, *INSTRUCTION_SETS[name][1], platform.machine(), version, *(p.read_text("utf-8") for p in sources)]
    folder, known = private_folder(), f"{name}-{key_of(about)}"
    try:
        if found := find(folder, known):
            return found
    except OSError as error:
        raise Unavailable(f"they cannot be kept in {folder} ({error})") from error
    command = [_compiler(), *FLAGS, *INSTRUCTION_SETS[name][1], *map(str, sorted(SOURCE.glob("*.cpp")))]
    return build(folder, known, command)


def _as_c(value: "Tensor | Array | float | int | None") -> Any:
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, int):
        return ctypes.c_int64(value)
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_void_p(value.data_ptr())
