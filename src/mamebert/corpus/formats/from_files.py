"""The base of all readers of files: the files themselves, their encoding, and their names in messages."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from glob import glob
from hashlib import sha256
from itertools import islice
from os import walk
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from mamebert.corpus.formats.detecting import AUTO
from mamebert.corpus.formats.opening import Errors, Hear, content_suffix, encoding_of, packing
from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.errors import UserError
from mamebert.files.disk import hash_file
from mamebert.files.names import path_of
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
        for path in self.files()[1:MAX_FILES_LOOKED_AT]:
            next(self.read(path, ignore_progress), None)
        return found

    def fingerprint(self) -> list[Source]:
        """Return one source per file, or one for all where they are many."""
        self._require_files(known=False)  # a model may tell how to read what its name does not
        each = [Source(path.name, hash_file(path)) for path in self.files(known=False)]
        if len(each) <= MAX_NAMED_FILES:
            return each
        together = sha256("".join(source.sha256 for source in each).encode()).hexdigest()
        return [Source(f"{len(each)} files, {each[0].name} ... {each[-1].name}", together)]

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

    def files(self, known: bool = True) -> list[Path]:
        """Return the files that will be read, in order; a UserError when there are none.

        With `known`, one that was named and is not of this kind is one too.
        """
        found = [file for each in self.path for file in self._expand(each, known)]
        return list(dict.fromkeys(found))

    def passed_over(self) -> Counter[str]:
        """Count the files in the folders that are not of a kind we read, by what their names end in."""
        folders = [path for each in self.path if (path := Path(each).expanduser()).is_dir()]
        return Counter(content_suffix(file) for each in folders for file in _visible(each) if not self.reads(file))

    def encodings(self) -> Counter[str]:
        """Count the encodings that were found in the files, where that was asked for."""
        return Counter(encoding_of(path, AUTO) for path in (self.files() if self.encoding == AUTO else ()))

    def check(self, path: Path) -> None:
        """Refuse a file that was named and is not of this kind; by default every file that was named is read."""

    def reads(self, path: Path) -> bool:
        """Return whether a file found in a folder is of a kind we read."""
        return content_suffix(path) in self.suffixes

    def _expand(self, text: str, known: bool) -> list[Path]:
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
        raise UserError(f"There is no file or folder {text}. Check the path; it is read from {Path.cwd()}.")

    def _checked(self, files: list[Path], known: bool) -> list[Path]:
        for each in files if known else ():
            self.check(each)
        return files

    def _below(self, folder: Path) -> list[Path]:
        # Beside the text of a folder may lie a licence or a script; what has another suffix is not text of ours.
        files = sorted(path for path in _visible(folder) if self.reads(path))
        if not files:
            raise UserError(
                f"The folder {folder} holds no file of a kind we read ({', '.join(self.suffixes)}). Check the path."
            )
        return files


def _visible(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, those of linked folders too, each folder once; no hidden ones."""
    met = set()
    for place, inside, names in walk(folder, followlinks=True):
        real = Path(place).resolve()
        inside[:] = [] if real in met else sorted(name for name in inside if not name.startswith("."))
        if real not in met:
            yield from (Path(place) / name for name in names if not name.startswith("."))
        met.add(real)
