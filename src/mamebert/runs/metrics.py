"""metrics.jsonl: what a run records while it works, a line at a time."""

import json
import os
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from mamebert.files.disk import disk_errors, write_text
from mamebert.files.json_files import parse


class Metrics:
    """The lines of one run."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.jsonl"

    def append(self, numbers: dict[str, Any]) -> None:
        """Add a line; it is on disk for certain after `sync`."""
        with disk_errors(self.path.parent), self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(numbers, ensure_ascii=False) + "\n")

    def sync(self) -> None:
        """Force what was recorded to disk."""
        if self.path.is_file():
            with disk_errors(self.path), self.path.open("rb") as file:
                os.fsync(file.fileno())

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines up to the first torn one (a kill or a power cut while writing)."""
        whole = takewhile(lambda line: line is not None, read_lines(self.path))
        return [line for line in whole if line is not None]

    def replace(self, lines: list[dict[str, Any]]) -> None:
        """Put these lines in the place of all."""
        write_text(self.path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))

    def mend(self) -> None:
        """Cut a torn last line off: what is appended to it would be lost with it."""
        if self.path.is_file() and not self.path.read_bytes().endswith(b"\n"):
            self.replace(self.lines())


def read_lines(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield each line of a metrics.jsonl, None for one that is no object of JSON; the last one may be torn too."""
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not line:
            return  # behind the end of the last line
        try:
            found = parse(line, finite=False, whole=False) if number < len(lines) else None
        except ValueError:
            found = None
        yield found if isinstance(found, dict) else None
