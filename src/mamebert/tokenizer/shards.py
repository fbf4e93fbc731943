"""A document shard becomes token shards: work of processes that import no more than it takes (torch is not in it)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from mamebert.corpus.documents import read_shard
from mamebert.corpus.token_shards import Part, shard_path, write_token_shard
from mamebert.tokenizer.dropout import DrawnEncoder
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Pieces

Encode = Callable[[Iterable[str]], list[Pieces]]
DOCUMENTS_AT_ONCE = 64
_OPEN: dict[Path, Tokenizer] = {}  # in each process


@dataclass(frozen=True)
class Job:
    """A shard to encode."""

    number: int
    shard: Path
    heldout: tuple[int, ...]
    """Numbers of the documents to keep apart."""
    most: int
    """Characters of each that are kept apart, at most: of a longer one its end, from the beginning of a sentence."""


class Dropout(NamedTuple):
    """How merges are left out."""

    rate: float
    seed: int


def encode_shard(folder: Path, dropout: Dropout, job: Job) -> dict[str, Any]:
    """Encode a shard of documents by the tokenizer in a folder, and write there; return what run.json tells of it."""
    tokenizer = _opened(folder / "tokenizer")
    begun, heldout = monotonic(), set(job.heldout)
    parts: dict[Part, list[list[Pieces]]] = {"train": [], "heldout": []}
    encoders: dict[Part, Encode] = {"train": tokenizer.encode_many, "heldout": tokenizer.encode_many}
    if dropout.rate:
        drawn = _drawn(folder / "tokenizer", dropout)
        drawn.begin(job.number)
        encoders["train"] = drawn.encode_many
    documents, parted = enumerate(read_shard(job.shard)), 0
    while batch := list(islice(documents, DOCUMENTS_AT_ONCE)):
        texts: dict[Part, list[list[str]]] = {"train": [], "heldout": []}
        for number, document in batch:
            learnt, apart = _parted(document, job.most) if number in heldout else (document, [])
            texts["train"] += [learnt] if learnt else []
            texts["heldout"] += [apart] if apart else []
            parted += bool(learnt and apart)
        for part, encode in encoders.items():
            some = texts[part]
            encoded = iter(encode(sentence for document in some for sentence in document))
            for document in some:
                if sentences := [pieces for pieces in islice(encoded, len(document)) if len(pieces.ids)]:
                    parts[part].append(sentences)
    for part, kept in parts.items():
        write_token_shard(shard_path(folder, part, job.number), kept, tokenizer.vocab_size)
    tokens = sum(len(pieces.ids) for kept in parts.values() for document in kept for pieces in document)
    told = {"parted": parted} if parted else {}
    return {"shard": job.number, "tokens": tokens, "seconds": round(monotonic() - begun, 3), **told}


def _parted(document: list[str], most: int) -> tuple[list[str], list[str]]:
    """Return what is learnt from and what is held out: all, or so much of the end as `most` characters hold."""
    place = len(document)
    for place in range(len(document), 0, -1):
        most -= len(document[place - 1])
        if most < 0:
            break
    else:
        return [], document
    place = min(place, len(document) - 1)  # a sentence at least
    return document[:place], document[place:]


def keep_open(folder: Path, tokenizer: Tokenizer) -> None:
    """Let this process encode by a tokenizer that is open: it is that of a folder, and remembers words."""
    _OPEN.clear()
    _OPEN[folder] = tokenizer


@cache
def _drawn(folder: Path, dropout: Dropout) -> DrawnEncoder:
    return DrawnEncoder(folder, *dropout)


def _opened(folder: Path) -> Tokenizer:
    if folder not in _OPEN:
        keep_open(folder, Tokenizer.open(folder))
    return _OPEN[folder]
