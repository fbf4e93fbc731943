"""A document shard becomes token shards: work of processes that import no more than it takes (torch is not in it)."""

from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

from mamebert.corpus.documents import read_shard
from mamebert.corpus.token_shards import Part, shard_path, write_token_shard
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Pieces

DOCUMENTS_AT_ONCE = 64


@dataclass(frozen=True)
class Job:
    """A shard to encode."""

    number: int
    shard: Path
    heldout: tuple[int, ...]
    """Numbers of the documents to keep apart."""


def encode_shard(folder: Path, job: Job) -> dict[str, Any]:
    """Encode a shard of documents by the tokenizer in a folder, and write there; return what run.json tells of it."""
    tokenizer = _open_once(folder / "tokenizer")
    begun, heldout = monotonic(), set(job.heldout)
    parts: dict[Part, list[list[Pieces]]] = {"train": [], "heldout": []}
    documents = enumerate(read_shard(job.shard))
    while batch := list(islice(documents, DOCUMENTS_AT_ONCE)):
        encoded = iter(tokenizer.encode_many(sentence for _, document in batch for sentence in document))
        for number, document in batch:
            sentences = [pieces for pieces in islice(encoded, len(document)) if len(pieces.ids)]
            if sentences:
                parts["heldout" if number in heldout else "train"].append(sentences)
    for part, kept in parts.items():
        write_token_shard(shard_path(folder, part, job.number), kept, tokenizer.vocab_size)
    tokens = sum(len(pieces.ids) for kept in parts.values() for document in kept for pieces in document)
    return {"shard": job.number, "tokens": tokens, "seconds": round(monotonic() - begun, 3)}


@cache
def _open_once(folder: Path) -> Tokenizer:
    return Tokenizer.open(folder)
