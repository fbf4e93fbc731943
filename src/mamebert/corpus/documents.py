"""Document shards: what `clean` and `select` write, `vocab` and `tokenize` read. A document is a list of sentences."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from mamebert.corpus.columns import lists_of_texts
from mamebert.errors import UserError
from mamebert.files.checksums import seal, verify
from mamebert.files.disk import disk_errors, writing
from mamebert.files.json_files import require_ordinary
from mamebert.runs import Run

MAKERS = ("clean", "select")
"""The commands that leave documents."""
SCHEMA = pa.schema([("sentences", pa.list_(pa.string()))])


def document_shards(run_folder: Path) -> list[Path]:
    """Return the document shards of a run of `clean` or `select`, in order."""
    shards = sorted((Path(run_folder) / "documents").glob("*.parquet"))
    if not shards:
        raise UserError(f"{run_folder} holds no documents. Give the output folder of `mamebert clean`.")
    return shards


def cleaned_with(run_folder: Path) -> dict[str, Any]:
    """Return the settings of the `clean` that documents come from; empty where its run is not there."""
    while (run_folder / "run.json").is_file():
        run = Run.open(run_folder)
        if run.command == "clean":
            return run.settings
        if "corpus" not in run.inputs:
            break
        run_folder = Path(run.inputs["corpus"]["path"])
    return {}


def write_shard(path: Path, documents: list[list[str]]) -> None:
    """Write documents as one Parquet file (zstd), whole or not at all."""
    _write_column(path, lists_of_texts(documents))


def _write_column(path: Path, column: Any) -> None:
    with writing(path) as beside:
        pq.write_table(pa.Table.from_arrays([column], schema=SCHEMA), beside, compression="zstd")


def read_shard(path: Path) -> Iterator[list[str]]:
    """Yield the documents of one shard, a row group in memory at a time."""
    for batch in read_batches(path):
        yield from batch.column("sentences").to_pylist()


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one shard, some at a time; one that is not what `clean` wrote is a UserError."""
    verify(path.parent, [path.name])
    try:
        require_ordinary(path)
        with pq.ParquetFile(path) as file:
            if not file.schema_arrow.equals(SCHEMA):
                raise ValueError("its columns are not those of documents")
            yield from file.iter_batches(batch_size=1024)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({str(error)[:200]}). Run `mamebert clean` again.") from error


class DocumentWriter:
    """Writes documents to numbered shards of about `shard_characters`.

    One shard is in memory at a time, beside a column of text that is being packed and written. Use as a context: the
    last shard is written on leaving without an error.
    """

    def __init__(self, run_folder: Path, shard_characters: int) -> None:
        self.folder, self.shard_characters = Path(run_folder) / "documents", shard_characters
        self.num_shards = 0
        self._documents: list[list[str]] = []
        self._characters = 0
        # Packing and waiting for the disk takes no interpreter, and whoever waits feeds no other process.
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        """Start with no shard: those of a run that was killed are taken away."""
        with disk_errors(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
        return self

    def add(self, sentences: list[str], characters: int) -> None:
        """Take one document of so many characters."""
        self._documents.append(sentences)
        self._characters += characters
        if self._characters >= self.shard_characters:
            self._write()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left."""
        with self._thread:
            if error is None and self._documents:
                self._write()
            if error is None and self.num_shards:
                self._wait()
                seal(self.folder)

    def _write(self) -> None:
        column = lists_of_texts(self._documents)
        self._documents, self._characters = [], 0
        self._wait()
        self._writing = self._thread.submit(_write_column, self.folder / f"{self.num_shards:05}.parquet", column)
        self.num_shards += 1

    def _wait(self) -> None:
        """Wait for the shard that is being written; what stopped it is raised here."""
        if self._writing:
            self._writing.result()
