"""Tensors on disk: what the headers say of them, and their numbers.

Headers are read first and tell names, types and shapes; nothing is allocated for what config.json alone claims.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mamebert.errors import UserError
from mamebert.files.json_files import read_object, require_ordinary

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[Any]
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
"""What names the file of each tensor where weights lie in several (shards)."""
HEAD_FILE = "head.safetensors"
"""Where a head lies that no plain class holds."""
GET_ANEW = "Download or save it again."
_MOST_HEADER = 8 * 2**20
"""Bytes of a header: one of 1,000 layers takes 2 MB."""
_MOST_TENSORS = 2**15
"""Tensors of a file: a BERT of 1,000 layers has 16,000."""
_FLOATS = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}


class Stored(NamedTuple):
    """Where a tensor lies, and what the header says of it."""

    file: Path
    dtype: str
    """As safetensors spells it: "F32"."""
    shape: tuple[int, ...]
    name: str
    """What the file calls it."""
    first_row: int = 0
    """Where it begins in what the file calls so: several matrices may lie in one."""

    @property
    def is_number(self) -> bool:
        """Whether it can be read as float32."""
        return self.dtype in _FLOATS

    def without_first(self, number: int) -> "Stored":
        """Return what lies behind the first rows, or it itself where there is nothing behind them."""
        rows = self.shape[0] if self.shape else 0
        if rows <= number:
            return self
        return self._replace(shape=(rows - number, *self.shape[1:]), first_row=self.first_row + number)

    def parts(self, number: int) -> list["Stored"]:
        """Return what lies in one tensor as `number` of equal size, one above the other; where it cannot, it itself."""
        rows, left_over = divmod(self.shape[0] if self.shape else 1, number)
        if left_over:
            return [self] * number
        return [self._replace(shape=(rows, *self.shape[1:]), first_row=rows * part) for part in range(number)]


def find_weights(folder: Path) -> dict[str, Stored]:
    """Return the tensors of a folder by name, in one file or in several; none where it has no such file.

    A damaged header is a UserError, as is an index that names a file elsewhere or a tensor that is not there.
    """
    if (folder / WEIGHTS).exists():
        return read_header(folder / WEIGHTS)
    if not (folder / INDEX).exists():
        return {}
    places = read_object(folder / INDEX, GET_ANEW).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise UserError(f"{folder / INDEX} does not say which file holds which weights. {GET_ANEW}")
    files = {name: _read_shard(folder, name) for name in set(places.values())}
    lost = next((name for name, file in places.items() if name not in files[file]), None)
    if lost is not None:
        raise UserError(f"{folder / places[lost]} lacks the weights {lost}, which {INDEX} says it holds. {GET_ANEW}")
    return {name: files[file][name] for name, file in places.items()}


def read_header(file: Path) -> dict[str, Stored]:
    """Return what the header of a safetensors file says of each tensor; a damaged one is a UserError."""
    try:
        require_ordinary(file)
        _require_header(file)
        with safe_open(file, framework="np") as opened:
            names = opened.keys()
            if len(names) > _MOST_TENSORS:
                raise ValueError(f"{len(names):,} tensors, where {_MOST_TENSORS:,} are the most")
            parts = {name: opened.get_slice(name) for name in names}
            return {name: Stored(file, part.get_dtype(), tuple(part.get_shape()), name) for name, part in parts.items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(file, error) from error


class Arrays(Mapping[str, Array]):
    """Stored tensors by name, each read when it is asked for: numbers as float32, all others as they are.

    What nobody asks for, however large, takes no memory. A number that is none (NaN) or infinite is a UserError.
    """

    def __init__(self, stored: Mapping[str, Stored], names: Mapping[str, str] | None = None) -> None:
        """`names` are those under which tensors are asked for, each with the one that it is stored under."""
        self._stored, self._names = stored, names or {name: name for name in stored}
        self._read: dict[str, Array] = {}
        self._files: dict[Path, Any] = {}

    def __getitem__(self, name: str) -> Array:
        """Return a tensor; what cannot be read is a UserError."""
        if name not in self._read:
            self._read[name] = self._load(self._names[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a tensor, without reading it."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """Yield all names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return how many tensors there are."""
        return len(self._names)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor, without reading it."""
        return self._stored[self._names[name]].shape

    def _load(self, name: str) -> Array:
        stored = self._stored[name]
        try:
            if stored.file not in self._files:
                self._files[stored.file] = safe_open(stored.file, framework="np")
            return _finite(_read(self._files[stored.file], stored), stored)
        except (SafetensorError, OSError) as error:
            raise damaged(stored.file, error) from error


class Tensors(Mapping[str, "Tensor"]):
    """The same for torch, with tensors beside them that lie in no file."""

    def __init__(self, arrays: Arrays, others: Mapping[str, "Tensor"] | None = None) -> None:
        """`others` count where a name is that of both."""
        self._arrays, self._others = arrays, others or {}

    def __getitem__(self, name: str) -> "Tensor":
        """Return a tensor; what cannot be read is a UserError."""
        from torch import from_numpy

        return self._others[name] if name in self._others else from_numpy(self._arrays[name])

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a tensor, without reading it."""
        return name in self._others or name in self._arrays

    def __iter__(self) -> Iterator[str]:
        """Yield all names."""
        return iter({**dict.fromkeys(self._arrays), **self._others})

    def __len__(self) -> int:
        """Return how many tensors there are."""
        return len({*self._arrays, *self._others})

    def beside(self, others: Mapping[str, "Tensor"]) -> "Tensors":
        """Return these with others, which count where a name is that of both."""
        return Tensors(self._arrays, {**self._others, **others})


def load(stored: Mapping[str, Stored]) -> "dict[str, Tensor]":
    """Return all of these tensors by name, read as `Arrays` reads each."""
    return as_tensors(Arrays(stored))


def as_tensors(arrays: Mapping[str, Array]) -> "dict[str, Tensor]":
    """Return the same for torch, without copying."""
    from torch import from_numpy

    return {name: from_numpy(array) for name, array in arrays.items()}


def damaged(file: Path, why: object, way_out: str = GET_ANEW) -> UserError:
    """Return the error for a file that cannot be read."""
    return UserError(f"{file} is damaged ({why}). {way_out}")


def num_bytes(stored: Iterable[Stored]) -> int:
    """Return how many bytes of memory tensors take as float32; of other types, one for each number."""
    return sum((4 if each.is_number else 1) * _size(each.shape) for each in stored)


def _read(file: Any, stored: Stored) -> Array:
    try:
        array: Array = _bfloat16(stored) if stored.dtype == "BF16" else file.get_tensor(stored.name)
    except (AttributeError, TypeError) as error:  # numpy has no such numbers
        raise UserError(
            f"{stored.file} stores {stored.name} as {stored.dtype}, and weights are read from float32, float16, "
            "bfloat16 and float64 only. Save the model as one of these."
        ) from error
    if array.shape == stored.shape:
        return array
    return array[stored.first_row : stored.first_row + stored.shape[0]].copy()


def _bfloat16(stored: Stored) -> Array:
    """Return what is stored as bfloat16, which numpy does not know, in float32; its place was looked at with others."""
    with stored.file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        about = json.loads(opened.read(size))[stored.name]
        start, end = about["data_offsets"]
        opened.seek(8 + size + start)
        bits = np.frombuffer(opened.read(end - start), "<u2")
    return (bits.astype(np.uint32) << 16).view(np.float32).reshape(about["shape"])


def _finite(array: Array, stored: Stored) -> Array:
    if not stored.is_number:
        return array
    with np.errstate(over="ignore"):  # is told of in a sentence
        numbers = array.astype(np.float32, copy=False)
    if numbers.size and not (np.isfinite(numbers.min()) and np.isfinite(numbers.max())):
        raise UserError(f"{stored.file} holds numbers in {stored.name} that are NaN or infinite. {GET_ANEW}")
    return numbers


def _read_shard(folder: Path, name: str) -> dict[str, Stored]:
    if Path(name).name != name or not name.endswith(".safetensors"):
        raise UserError(f"{folder / INDEX} names {name!r}, which is no safetensors file of its folder. {GET_ANEW}")
    if not (folder / name).exists():
        raise UserError(f"{folder} lacks {name}, which {INDEX} names. {GET_ANEW}")
    return read_header(folder / name)


def _require_header(file: Path) -> None:
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
    if size > min(_MOST_HEADER, file.stat().st_size):
        raise ValueError(f"a header of {size:,} bytes")


def _size(shape: Iterable[Any]) -> int:
    size = 1
    for each in shape:
        size *= each
    return size
