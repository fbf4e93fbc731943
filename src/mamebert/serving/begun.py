"""Answers that an earlier command of the same words has written before it was killed, to go on behind them."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

import mamebert
from mamebert.files.disk import write_bytes
from mamebert.files.json_files import parse, read_bytes
from mamebert.kernels import status
from mamebert.progress import say

MAX_STAMPED_FILES = 1000


class Begun:
    """What lies beside a file to be made, and what was asked of whom when it was written.

    Without `asked` what is there is never gone on with.
    """

    def __init__(self, asked: Mapping[str, Any] | None = None) -> None:
        self.asked = dict(asked) if asked is not None else None
        self.num_rows = 0
        """How many rows have been answered before."""
        self.unanswered = Counter[str]()
        """Why rows among them were not answered, and how many."""

    @classmethod
    def by(cls, model: Path, file: Path | None, **settings: Any) -> Self:
        """Return what a model that answers the rows of a file may find; rows of no ordinary file cannot be read again.

        Files are told by their places, sizes and times, for to read a large one twice takes long.
        """
        if file is None or not file.is_file():
            return cls()
        about = {"mamebert": mamebert.__version__, "kernels": status().path, **settings}
        return cls({**about, "model": _stamps(model), "rows": _stamp(file)})

    def take_up(self, file: IO[str], beside: Path) -> None:
        """Leave in an open file, `beside`, the whole lines of earlier answers to the same; none to anything else."""
        end = self._end_of_lines(beside) if self.asked is not None and self._earlier(beside) == self.asked else 0
        file.truncate(end)
        if self.asked is not None:
            write_bytes(_note(beside), json.dumps(self.asked).encode())
        else:
            _note(beside).unlink(missing_ok=True)
        if self.num_rows:
            say(f"{self.num_rows:,} answers are in {beside} already: it goes on behind them.")

    def forget(self, beside: Path) -> None:
        """Take away the note of what was asked."""
        _note(beside).unlink(missing_ok=True)

    def _earlier(self, beside: Path) -> Any:
        try:
            return parse(read_bytes(_note(beside)), whole=False)
        except (FileNotFoundError, ValueError):
            return None

    def _end_of_lines(self, beside: Path) -> int:
        end = 0
        with beside.open("rb") as written:
            for line in written:
                try:
                    answer = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:  # zeros, where a machine lost its power
                    answer = None
                if not isinstance(answer, dict):
                    break
                end += len(line)
                self.num_rows += 1
                if "unanswered" in answer:
                    self.unanswered[str(answer["unanswered"])] += 1
        return end


def _stamps(folder: Path) -> list[Any]:
    found = sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return [_stamp(path) for path in found[:MAX_STAMPED_FILES]]


def _stamp(path: Path) -> list[Any]:
    about = path.stat()
    return [os.path.realpath(path), about.st_size, about.st_mtime_ns]


def _note(beside: Path) -> Path:
    return beside.with_name(beside.name + ".json")
