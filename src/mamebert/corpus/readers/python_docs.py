"""The documentation of the Python packages installed here: real text, with labels, on every machine."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from mamebert.corpus.docstrings import read_docstrings
from mamebert.corpus.duplicates import digest
from mamebert.corpus.installed import Package, installed_packages, mask, plain
from mamebert.corpus.parallel import ordered_map
from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.errors import UserError, unknown
from mamebert.files.disk import writing
from mamebert.files.names import file_name
from mamebert.progress import Meter
from mamebert.runs import Source

# Part of the cache's file names: raise it when the same sources would give other rows.
RULES = "3"
FILES_PER_TASK = 60
COLUMNS = ("object", "text", "masked_text")

Task = tuple[str, list[str], list[tuple[str, Path]]]


class PythonDocs(Reader):
    """Docstrings of modules, classes, functions and methods, with the package each comes from.

    Found by parsing the sources (never importing them). Rows have `package`, `object` (dotted name), `text`
    (a paragraph per line) and `masked_text`, in which the names of the package itself are the word "package",
    so that the label cannot be read off. A docstring that two packages share belongs to neither and is left out.
    """

    packages: list[str] = Field(default=[])
    """Names, as imported or as installed; empty means all that are installed in this environment."""
    min_characters: int = Field(default=1, ge=1)
    """Shorter docstrings are left out."""
    processes: int = Field(default=0, ge=0)
    """Processes that parse; 0 takes one per core. What was parsed once is kept in the cache folder."""

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the docstrings by package, then by module, in the order of the sources."""
        docs = self._docs(self._chosen())
        home: dict[bytes, str | None] = {}
        for name, rows in docs:
            for row in rows:
                key = digest(row["masked_text"])
                home[key] = name if home.setdefault(key, name) == name else None
        for name, rows in docs:
            for row in rows:
                key = digest(row["masked_text"])
                if len(row["text"]) >= self.min_characters and home.get(key) == name:
                    del home[key]  # the second of two equal ones finds nothing
                    yield {"package": name, **row}

    def first_rows(self, most: int) -> list[Row]:
        """Return none, for all sources are parsed before the first; the packages are looked for."""
        self._chosen()
        return []

    def fingerprint(self) -> list[Source]:
        """Return one source per package, named by its version and the contents of its files."""
        return [Source(f"{package.name} {package.version}", package.sha256) for package in self._chosen()]

    def _chosen(self) -> list[Package]:
        installed = installed_packages()
        if not self.packages:
            return installed
        by_name: dict[str, list[Package]] = {}
        for package in installed:
            for name, _ in package.distributions:
                by_name.setdefault(plain(name), []).append(package)
        # What is imported as `torch` is that package; the distribution of that name installs others beside it.
        by_name |= {package.name: [package] for package in installed}
        chosen: dict[str, Package] = {}
        for name in self.packages:
            found = by_name.get(name) or by_name.get(plain(name))
            if not found:
                raise UserError(
                    f"{unknown('installed package', name, by_name)} Packages are looked for in this environment only."
                )
            chosen |= {package.name: package for package in found}
        return list(chosen.values())

    def _docs(self, packages: list[Package]) -> list[tuple[str, list[Row]]]:
        docs = {package.name: _from_cache(package) for package in packages}
        missing = [package for package in packages if docs[package.name] is None]
        if missing:
            docs |= _parse(missing, self.processes)
        return sorted((name, rows) for name, rows in docs.items() if rows)


def _parse(packages: list[Package], processes: int) -> dict[str, list[Row] | None]:
    tasks: list[Task] = [
        (package.name, package.names, package.files[start : start + FILES_PER_TASK])
        for package in packages
        for start in range(0, len(package.files), FILES_PER_TASK)
    ]
    rows: dict[str, list[Row]] = {package.name: [] for package in packages}
    with Meter("python_docs", sum(len(task[2]) for task in tasks), "files") as meter:
        skipped = 0
        for (name, _, files), (found, failed) in zip(tasks, ordered_map(_read, tasks, processes), strict=True):
            rows[name] += found
            skipped += failed
            meter.advance(len(files), f"{skipped} are not Python we can parse" if skipped else "")
    for package in packages:
        _keep(package, rows[package.name])
    return dict(rows)


def _read(task: Task) -> tuple[list[Row], int]:
    _, names, files = task
    found = read_docstrings(files)
    rows = [dict(zip(COLUMNS, (name, text, mask(text, names)), strict=True)) for name, text in found.texts]
    return rows, found.skipped_files


def _from_cache(package: Package) -> list[Row] | None:
    try:
        table = pq.read_table(_cache_file(package))
        return table.to_pylist() if tuple(table.column_names) == COLUMNS else None
    except (OSError, pa.ArrowException):
        return None  # not there yet, or damaged: it is made again


def _keep(package: Package, rows: list[Row]) -> None:
    path = _cache_file(package)
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows], pa.string()) for name in COLUMNS}
    # A cache that cannot be written costs seconds, not the result.
    with suppress(OSError, UserError), writing(path, path.with_suffix(f".{os.getpid()}.tmp")) as beside:
        pq.write_table(pa.table(columns), beside, compression="zstd")


def _cache_file(package: Package) -> Path:
    root = os.environ.get("MAMEBERT_CACHE")
    folder = Path(root).expanduser() if root else Path.home() / ".cache" / "mamebert"
    return (
        folder
        / "python_docs"
        / f"{file_name(package.name)}-{file_name(package.version)}-{package.sha256[:12]}-{RULES}.parquet"
    )
