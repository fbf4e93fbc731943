"""Document shards: what `clean` writes and `vocab` and `tokenize` read. A document is a list of sentences."""

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mamebert.errors import UserError
from mamebert.runs import disk_errors, partial

SCHEMA = pa.schema([("sentences", pa.list_(pa.string()))])


def document_shards(run_folder: Path) -> list[Path]:
    """Return the document shards of a `clean` run, in order."""
    shards = sorted((Path(run_folder) / "documents").glob("*.parquet"))
    if not shards:
        raise UserError(f"{run_folder} holds no documents. Give the output folder of `mamebert clean`.")
    return shards


def write_shard(path: Path, documents: list[list[str]]) -> None:
    """Write documents as one Parquet file (zstd), whole or not at all."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"sentences": documents}, schema=SCHEMA), partial(path), compression="zstd")
        os.replace(partial(path), path)


def read_shard(path: Path) -> Iterator[list[str]]:
    """Yield the documents of one shard, a row group in memory at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024):
            yield from batch.column("sentences").to_pylist()
