"""SHA256SUMS beside the files of a folder, in the form that `sha256sum -c` reads.

Without it a changed byte of a weight, a table or a text gives another answer, and nobody is told. Folders from
elsewhere have none and are opened as they are.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mamebert.errors import UserError
from mamebert.files.disk import hash_file, write_text
from mamebert.files.json_files import read_bytes, require_ordinary

SUMS = "SHA256SUMS"
_LINE = re.compile("([0-9a-f]{64})  (.+)")
_MOST_BYTES = 16 * 2**20
_NOT_SEALED = (SUMS, "README.md")
"""A card is written after its model, and changed by hand."""


def seal(folder: Path, names: Iterable[str] | None = None) -> None:
    """Write down the SHA-256 of the files in a folder, of all or of those named; the last thing done to it.

    A folder inside that is sealed by itself is left out.
    """
    found = sorted(_files(folder)) if names is None else names
    write_text(folder / SUMS, "".join(f"{hash_file(folder / name)}  {name}\n" for name in found))


def verify(folder: Path, names: Iterable[str] | None = None, used: Iterable[str] = (), around: str = "") -> None:
    """Raise a UserError where a file of a sealed folder, any or one of those named, is not what was written.

    So it is for a file that has come since and would be used: one of those named, or found by a pattern of `used`. The
    patterns count only where `around` was sealed too: who puts weights of their own beside the sealed files of a
    tokenizer has added nothing to what was written as a model.
    """
    if not (folder / SUMS).exists():
        return
    sums = dict(_sums(folder))
    wanted = None if names is None else set(names)
    for name, sha256 in sums.items():
        if wanted is None or name in wanted:
            _require_same(folder, name, sha256)
    patterns = used if not around or around in sums else ()
    found = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    for path in (*(folder / name for name in wanted or ()), *found):
        _require_known(folder, path, sums)


def _require_known(folder: Path, path: Path, sums: Mapping[str, str]) -> None:
    is_sealed_by_itself = path.parent != folder and (path.parent / SUMS).exists()
    if path.is_file() and path.relative_to(folder).as_posix() not in sums and not is_sealed_by_itself:
        raise UserError(
            f"{path} was not there when the folder was written, and would be used. Delete it; if it was added on "
            f"purpose, delete {folder / SUMS}."
        )


def _require_same(folder: Path, name: str, sha256: str) -> None:
    file, allowed = folder / name, f"if it was changed on purpose, delete {folder / SUMS}"
    if not file.exists():
        raise UserError(f"{file} is missing. Download or save the folder again; {allowed}.")
    try:
        require_ordinary(file)
    except ValueError as error:
        raise UserError(f"{file} cannot be read ({error}). Download or save the folder again.") from error
    if hash_file(file) != sha256:
        raise UserError(f"{file} is not what was written. Download or save the folder again; {allowed}.")


def _sums(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = read_bytes(folder / SUMS, _MOST_BYTES).decode().removesuffix("\n").split("\n")
        for line in lines:
            found = _LINE.fullmatch(line)
            if not found or found[2].startswith("/") or ".." in Path(found[2]).parts or "\0" in found[2]:
                raise ValueError(f"a line says {line[:80]!r}")
            yield found[2], found[1]
    except ValueError as error:
        raise UserError(
            f"{folder / SUMS} is damaged ({error}). Download or save the folder again, or delete that file: nothing is "
            "compared then."
        ) from error


def _files(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        if path.is_dir() and not (path / SUMS).exists():
            yield from (f"{path.name}/{name}" for name in _files(path))
        elif path.is_file() and path.name not in _NOT_SEALED:
            yield path.name
