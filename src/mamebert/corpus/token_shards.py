"""Token shards: what `tokenize` writes and every training stage reads, memory-mapped and without a copy.

A run folder holds `tokens/train-00000.arrow`, `tokens/heldout-00000.arrow` and so on, one file of each part for
every document shard, beside `tokens/manifest.json` (sizes and SHA-256) and `tokenizer/`. A row is a sentence. No
sentence and no document is empty, a document never crosses a shard, and special tokens are not stored.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mamebert.corpus.columns import column_of, values_of
from mamebert.errors import UserError
from mamebert.files.checksums import seal, verify
from mamebert.files.disk import hash_file, write_text, writing
from mamebert.files.json_files import read_object

AGAIN = "Delete the folder and run `mamebert tokenize` again."
_ENTRY = {"name", "part", "bytes", "sha256"}
Part = Literal["train", "heldout"]
Ids = npt.NDArray[np.unsignedinteger[Any]]
Reader = Callable[["_Shard", int, int], npt.NDArray[Any]]


@dataclass(frozen=True)
class _Shard:
    ids: Ids
    word_start_bits: npt.NDArray[np.uint8]
    sentence_starts: npt.NDArray[np.int32]
    document_starts: npt.NDArray[np.int64]

    @cached_property
    def id_bytes(self) -> memoryview:
        return self.ids.view(np.uint8).data

    @cached_property
    def word_start_bytes(self) -> memoryview:
        return self.word_start_bits.data


@dataclass(frozen=True)
class TokenShards:
    """All shards of one part of a `tokenize` run, read as one long sequence of tokens."""

    folder: Path
    vocab_size: int
    sentence_starts: npt.NDArray[np.int64]
    """Token number at which each sentence starts; one more entry at the end: the number of tokens."""
    document_starts: npt.NDArray[np.int64]
    """Sentence number at which each document starts; one more entry at the end: the number of sentences."""
    _shards: tuple[_Shard, ...]
    _shard_starts: npt.NDArray[np.int64]

    @classmethod
    def open(cls, run_folder: Path | str, part: Part = "train", check: bool = True) -> Self:
        """Map the shards of `part`; only sentence and document starts are read into memory.

        A missing or altered shard is a UserError. With `check` the SHA-256 of every shard is compared (about a
        second per GB, once), without it only its size. Whoever opens the text to train on looks at the held-out text
        too: its damage would otherwise be told after the training, or never.
        """
        folder = Path(run_folder)
        manifest = read_manifest(folder)
        looked_at = [entry for entry in manifest["shards"] if part in ("train", entry["part"])]
        checked = [(entry["part"], _checked(folder / "tokens", entry, check)) for entry in looked_at]
        paths = [path for its_part, path in checked if its_part == part]
        shards = tuple(_map_shard(path) for path in paths)
        return cls(
            folder=folder,
            vocab_size=int(manifest["vocab_size"]),
            sentence_starts=_chain([shard.sentence_starts for shard in shards]),
            document_starts=_chain([shard.document_starts for shard in shards]),
            _shards=shards,
            _shard_starts=np.cumsum([0] + [len(shard.ids) for shard in shards], dtype=np.int64),
        )

    @classmethod
    def of_texts(cls, texts: Sequence[tuple[Any, Any]], folder: Path, vocab_size: int) -> Self:
        """Return texts, each its ids and whether each begins a word, as documents of one sentence, held in memory.

        `folder` is that of the shards whose tokenizer has made them.
        """
        ends = np.cumsum([0, *(len(ids) for ids, _ in texts)])
        bits = np.packbits(_join([starts for _, starts in texts], np.dtype(bool)), bitorder="little")
        documents = np.arange(len(texts) + 1)
        ids = _join([ids for ids, _ in texts], _dtype(vocab_size))
        return cls(
            folder, vocab_size, ends, documents, (_Shard(ids, bits, ends.astype(np.int32), documents),), ends[[0, -1]]
        )

    @property
    def tokenizer_folder(self) -> Path:
        """The tokenizer that made the tokens, as `transformers.AutoTokenizer` opens it."""
        return self.folder / "tokenizer"

    @property
    def num_tokens(self) -> int:
        """Tokens in all documents, special tokens not among them."""
        return int(self.sentence_starts[-1])

    @property
    def num_sentences(self) -> int:
        """Sentences in all documents."""
        return len(self.sentence_starts) - 1

    @property
    def num_documents(self) -> int:
        """Documents of this part."""
        return len(self.document_starts) - 1

    def tokens(self, start: int, end: int) -> Ids:
        """Return the ids of tokens start to end: a read-only view, or a copy where the range crosses shards."""
        return self._gather(start, end, lambda shard, a, b: shard.ids[a:b], _dtype(self.vocab_size))

    def word_starts(self, start: int, end: int) -> npt.NDArray[np.bool_]:
        """Return, for tokens start to end, whether each begins a word."""
        return self._gather(start, end, lambda shard, a, b: _unpack(shard.word_start_bits, a, b), np.dtype(bool))

    def gather(self, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the ids of many ranges end to end, each within a document: int64 [sum of sizes].

        A range is `sizes[i]` tokens from token `starts[i]` on.
        """
        # Joining slices of the maps is faster than one indexed read, and as fast over many shards as in one.
        width = _dtype(self.vocab_size).itemsize
        number, start = self._places(starts)
        first, last = (width * start).tolist(), (width * (start + sizes)).tolist()
        maps = [shard.id_bytes for shard in self._shards]
        found = b"".join([maps[n][a:b] for n, a, b in zip(number.tolist(), first, last, strict=True)])
        if len(found) != width * int(sizes.sum()):
            raise IndexError("A range of tokens crosses the end of a shard, or of all of them.")
        return np.frombuffer(found, _dtype(self.vocab_size)).astype(np.int64)

    def gather_word_starts(self, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return, for the tokens of many ranges end to end, whether each begins a word: [sum of sizes]."""
        number, start = self._places(starts)
        first, last = start // 8, (start + sizes + 7) // 8
        maps = [shard.word_start_bytes for shard in self._shards]
        places = zip(number.tolist(), first.tolist(), last.tolist(), strict=True)
        bits = np.unpackbits(np.frombuffer(b"".join([maps[n][a:b] for n, a, b in places]), np.uint8), bitorder="little")
        before = 8 * (np.cumsum(last - first) - (last - first)) + start % 8
        wanted = np.arange(sizes.sum()) + np.repeat(before - (np.cumsum(sizes) - sizes), sizes)
        found: npt.NDArray[np.bool_] = bits[wanted].view(bool)
        return found

    def _places(self, starts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return, for token numbers, the shard of each and its number within."""
        shard = np.searchsorted(self._shard_starts[1:-1], starts, side="right")
        return shard, starts - self._shard_starts[shard]

    def _gather(self, start: int, end: int, read: Reader, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        if not 0 <= start <= end <= self.num_tokens:
            raise IndexError(f"Tokens {start} to {end} asked for, and there are {self.num_tokens}.")
        first = int(np.searchsorted(self._shard_starts, start, side="right")) - 1
        parts = []
        for number in range(first, len(self._shards)):
            begin = int(self._shard_starts[number])
            if begin >= end:
                break
            shard = self._shards[number]
            parts.append(read(shard, max(start - begin, 0), min(end - begin, len(shard.ids))))
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])


def shard_path(run_folder: Path, part: Part, number: int) -> Path:
    """Return the path of the shard made from document shard `number`."""
    return run_folder / "tokens" / f"{part}-{number:05d}.arrow"


def write_token_shard(path: Path, documents: Sequence[Sequence[tuple[Any, Any]]], vocab_size: int = 2**16) -> None:
    """Write documents as one shard, whole or not at all.

    A document is a list of sentences and a sentence a pair of equally long sequences: the ids, and whether each
    begins a word. Ids take two bytes where `vocab_size` allows it, else four.
    """
    sentences = [sentence for document in documents for sentence in document]
    lengths = np.array([len(ids) for ids, _ in sentences], dtype=np.int64)
    if not all(documents) or not lengths.all() or any(len(ids) != len(starts) for ids, starts in sentences):
        raise ValueError("A document needs a sentence, a sentence a token, and a token says whether it begins a word.")
    offsets = column_of(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    ids = _join([ids for ids, _ in sentences], np.dtype(np.int32))
    if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
        raise ValueError(f"An id is not below the vocabulary size {vocab_size}.")
    starts = _join([starts for _, starts in sentences], np.dtype(bool))
    starts_document = _join([np.arange(len(document)) == 0 for document in documents], np.dtype(bool))
    batch = pa.record_batch(
        {
            "ids": pa.ListArray.from_arrays(offsets, column_of(ids.astype(_dtype(vocab_size)))),
            "word_starts": pa.ListArray.from_arrays(offsets, column_of(starts)),
            "starts_document": column_of(starts_document),
        }
    )
    with writing(path) as beside, pa.OSFile(str(beside), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def write_manifest(run_folder: Path, vocab_size: int) -> dict[str, Any]:
    """List every shard in `run_folder/tokens` with its counts, bytes and SHA-256; return what was written."""
    shards = []
    for path in sorted((run_folder / "tokens").glob("*.arrow")):
        shard = _map_shard(path)
        counts = {
            "tokens": len(shard.ids),
            "sentences": len(shard.sentence_starts) - 1,
            "documents": len(shard.document_starts) - 1,
        }
        part = path.name.partition("-")[0]
        shards.append(
            {"name": path.name, "part": part, **counts, "bytes": path.stat().st_size, "sha256": hash_file(path)}
        )
    manifest = {"vocab_size": vocab_size, "shards": shards}
    write_text(run_folder / "tokens" / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    seal(run_folder / "tokens", ["manifest.json"])  # which has the hashes of all others
    return manifest


def read_manifest(run_folder: Path) -> dict[str, Any]:
    """Return the manifest of a `tokenize` run: `vocab_size` and one entry for each shard."""
    path = run_folder / "tokens" / "manifest.json"
    if not path.exists():
        raise UserError(f"{run_folder} holds no token shards. Give the output folder of `mamebert tokenize`.")
    verify(path.parent, [path.name])
    manifest = read_object(path, AGAIN)
    shards, size = manifest.get("shards"), manifest.get("vocab_size")
    is_list = isinstance(shards, list) and all(isinstance(each, dict) and each.keys() >= _ENTRY for each in shards)
    if not is_list or isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= 2**31:
        raise UserError(f"{path} does not tell the shards and the size of their vocabulary. {AGAIN}")
    return manifest


def _checked(folder: Path, entry: dict[str, Any], check: bool) -> Path:
    path = folder / Path(str(entry["name"])).name
    if not path.is_file():
        raise UserError(f"The token shard {path} is missing. Delete the folder and run `mamebert tokenize` again.")
    if path.stat().st_size != entry["bytes"] or (check and hash_file(path) != entry["sha256"]):
        raise UserError(
            f"The token shard {path} is not what was written. Delete the folder and run `mamebert tokenize` again."
        )
    return path


def _map_shard(path: Path) -> _Shard:
    try:
        return _mapped(path)
    except (pa.ArrowException, OSError, KeyError, AttributeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({str(error)[:200]}). {AGAIN}") from error


def _mapped(path: Path) -> _Shard:
    batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    ids, words = batch.column("ids"), batch.column("word_starts")
    bits = values_of(batch.column("starts_document"), np.uint8)
    documents = np.unpackbits(bits, count=batch.num_rows, bitorder="little")
    return _Shard(
        ids=values_of(ids.values, ids.values.type.to_pandas_dtype())[: len(ids.values)],
        word_start_bits=values_of(words.values, np.uint8),
        sentence_starts=values_of(ids.offsets, np.int32)[: len(ids.offsets)],
        document_starts=np.append(np.flatnonzero(documents), batch.num_rows).astype(np.int64),
    )


def _chain(starts: list[Any]) -> npt.NDArray[np.int64]:
    """Join the starts of each shard (each ending with its count) into one sequence counted from the first shard."""
    totals = np.cumsum([0] + [each[-1] for each in starts], dtype=np.int64)
    shifted = [each[:-1] + base for each, base in zip(starts, totals[:-1], strict=True)]
    return np.concatenate([*shifted, totals[-1:]]).astype(np.int64)


def _unpack(bits: npt.NDArray[np.uint8], start: int, end: int) -> npt.NDArray[np.bool_]:
    packed = bits[start // 8 : (end + 7) // 8]
    return np.unpackbits(packed, bitorder="little")[start % 8 : start % 8 + end - start].view(bool)


def _join(arrays: list[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *arrays], dtype=dtype, casting="unsafe")


def _dtype(vocab_size: int) -> np.dtype[Any]:
    return np.dtype(np.uint16 if vocab_size <= 2**16 else np.uint32)
