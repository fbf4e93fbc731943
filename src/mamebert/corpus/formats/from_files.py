"""The base of all readers of files: the files themselves, their encoding, and their names in messages."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from glob import glob
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from mamebert.corpus.formats.detecting import AUTO
from mamebert.corpus.formats.folders import files_below
from mamebert.corpus.formats.opening import PACKINGS, Errors, Hear, content_suffix, encoding_of, packing
from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.errors import UserError
from mamebert.files.disk import hash_file
from mamebert.files.names import path_of
from mamebert.progress import progress
from mamebert.runs import Source

# A run names every file it has read; beyond this many, only their common hash, to keep run.json short.
MAX_NAMED_FILES = 256
MAX_FILES_LOOKED_AT = 20


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class FromFiles(Reader):
    """Rows of files, file after file."""

    suffixes: ClassVar[tuple[str, ...]]
    """What the files of this kind end in, before `.gz`, `.bz2`, `.xz` or `.zst`; in a folder only they are read."""

    path: list[str] = Field(min_length=1)
    """A file, a folder (with all that is below it, links followed), a pattern such as `corpus/*.txt`, or a list of
    these."""
    encoding: str = "utf-8"
    """How characters are written in the files; `cp932` for older Japanese ones. `auto` finds it in each file, and tells
    what it took."""
    errors: Errors = "strict"
    """What happens at undecodable bytes: stop and name the place, or read them as the character �."""

    @field_validator("path", mode="before", json_schema_input_type=str | Path | list[str | Path])
    @classmethod
    def _paths_are_text(cls, value: Any) -> Any:
        for each in _as_list(value):
            if isinstance(each, str | Path):
                path_of(each)
        return [str(each) if isinstance(each, Path) else each for each in _as_list(value)]

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str) -> str:
        if value == AUTO:
            return value
        try:
            "".encode(value)  # which codecs of bytes, such as hex, refuse
        except (LookupError, UnicodeError) as error:
            raise ValueError(
                f"There is no encoding called {value!r}. Choose one such as utf-8, utf-16, cp932, euc_jp, latin-1."
            ) from error
        return value

    @abstractmethod
    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the rows of one file; `hear` is told how many of its stored bytes were read so far."""

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the rows of each file in turn; the files of a folder or pattern come sorted."""
        for path in self.files():
            heard = 0

            def hear(position: int) -> None:
                nonlocal heard
                told(position - heard)
                heard = position

            yield from self.read(path, hear)
            hear(path.stat().st_size)

    def first_rows(self, most: int) -> list[Row]:
        """Return the first rows of all; that there is a row to read in each of some files more is seen to, too."""
        self._require_files()
        found = list(islice(self.rows(), most))
        for path in islice(self.files(), 1, MAX_FILES_LOOKED_AT):
            next(self.read(path, ignore_progress), None)
        return found

    def fingerprint(self) -> list[Source]:
        """Return one source per file, or one for all where they are many."""
        self._require_files(known=False)  # a model may tell how to read what its name does not
        files = self.files(known=False)
        first = list(islice(files, MAX_NAMED_FILES + 1))
        if len(first) <= MAX_NAMED_FILES:
            return [Source(path.name, hash_file(path)) for path in first]
        together, last, number = sha256(), first[-1], 0
        for last in progress(chain(first, files), "looking at the text", "files"):
            together.update(hash_file(last).encode())
            number += 1
        return [Source(f"{number} files, {first[0].name} ... {last.name}", together.hexdigest())]

    def _require_files(self, known: bool = True) -> None:
        for path in self.files(known):
            if not path.exists():  # for a link in a folder is found by its name
                raise UserError(f"{path} is a link to what is not there. Mend it, or delete it.")
            if not path.is_file():
                raise UserError(
                    f"{path} is a device or a pipe, which cannot be read twice. Write what it gives to a file, "
                    "and give that."
                )

    def num_bytes(self) -> int:
        """Return the size of the files on disk."""
        return sum(path.stat().st_size for path in self.files())

    def num_clean_bytes(self) -> int:
        """Return an estimate from what real text took: compressed text grows a little, plain text shrinks."""
        return int(sum(path.stat().st_size * (1.5 if packing(path) else 0.3) for path in self.files()))

    def files(self, known: bool = True) -> Iterator[Path]:
        """Yield the files that will be read, in order, each once; a UserError when there are none.

        With `known`, one that was named and is not of this kind is one too.
        """
        if len(self.path) == 1:
            yield from self._expand(self.path[0], known)
            return
        met = set()
        for file in (file for each in self.path for file in self._expand(each, known)):
            if str(file) not in met:
                met.add(str(file))
                yield file

    def passed_over(self) -> Counter[str]:
        """Count the files in the folders that are not of a kind we read, by what their names end in."""
        folders = [path for each in self.path if (path := Path(each).expanduser()).is_dir()]
        return Counter(content_suffix(file) for each in folders for file in files_below(each) if not self.reads(file))

    def encodings(self) -> Counter[str]:
        """Count the encodings that were found in the files, where that was asked for."""
        return Counter(encoding_of(path, AUTO) for path in (self.files() if self.encoding == AUTO else ()))

    def check(self, path: Path) -> None:
        """Refuse a file that was named and is not of this kind; by default every file that was named is read."""

    def reads(self, path: Path) -> bool:
        """Return whether a file found in a folder is of a kind we read."""
        return content_suffix(path) in self.suffixes

    def _expand(self, text: str, known: bool) -> Iterable[Path]:
        path = Path(text).expanduser()
        if path.is_dir():
            return self._below(path)
        if path.exists():
            return self._checked([path], known)
        if any(mark in text for mark in "*?["):
            found = self._checked(
                [each for name in sorted(glob(str(path), recursive=True)) if (each := Path(name)).is_file()], known
            )
            if found:
                return found
            raise UserError(f"No file matches {text}. Check the pattern and the folder it starts from ({Path.cwd()}).")
        packed = next((each for each in PACKINGS if each and Path(f"{path}{each}").is_file()), "")
        way_out = f"There is {text}{packed}: name that" if packed else f"Check the path; it is read from {Path.cwd()}"
        raise UserError(f"There is no file or folder {text}. {way_out}.")

    def _checked(self, files: list[Path], known: bool) -> list[Path]:
        for each in files if known else ():
            self.check(each)
        return files

    def _below(self, folder: Path) -> Iterator[Path]:
        # Beside the text of a folder may lie a licence or a script; what has another suffix is not text of ours.
        path = None
        for path in filter(self.reads, files_below(folder)):
            yield path
        if path is None:
            raise UserError(
                f"The folder {folder} holds no file of a kind we read ({', '.join(self.suffixes)}). Check the path."
            )
