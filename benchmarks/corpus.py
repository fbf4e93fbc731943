"""Japanese tokenising: ours beside the `BertJapaneseTokenizer` of `transformers`, on the same sentences, the same ids.

    python benchmarks/corpus.py --text FILE     sentences of a text file, plain or packed; all kinds of vocabulary
    python benchmarks/corpus.py --quick         6,000 sentences, of raw-aozora where MAMEBERT_DATA is set, else invented
    python benchmarks/corpus.py --steps --megabytes 40      clean, vocab and tokenize beside their peers (below)

Both cut the same lines by MeCab and the same WordPiece vocabulary, in turns; the median of the turns counts.
`vs_bert_japanese` is the ratio of clock times as both come: ours in a process for each core, as `mamebert tokenize` has
it, theirs in the one process it runs in. `per_core` is the ratio of processor times in one process. Ours remembers
words: it has read the first half of the sentences, as in a corpus it has read others, and the second half is measured,
whose new words it has to cut. `per_core_cold` begins with nothing remembered. Ends with one JSON line.

`--steps` asks MAMEBERT_DATA for raw-enwiki and raw-aozora, and takes each step on two processes (`--processes`), in
turns with its peers: `datasets.map` and datatrove with the same filters, `tokenizers` for the vocabulary. `vs_...` is
the median of the ratios of clock times, theirs by ours, above 1 where we are faster, `work_vs_...` that of processor
times, which tell more on cores that others use; `mb_s` megabytes of raw text a second, `peak_mb` the memory of all
processes. A peer that is not installed is named in `absent`, one that fails in `failed`; nobody else
has MeCab for a Japanese vocabulary, nor datatrove for Japanese tokens.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from itertools import islice, product
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
from _clock import machine
from _corpus_steps import ENGLISH_ALONE, STEPS

from mamebert.config import build
from mamebert.corpus.documents import write_shard
from mamebert.corpus.parallel import num_cores
from mamebert.corpus.readers import Reader
from mamebert.corpus.sentences import split_sentences
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

TURNS, QUICK_SENTENCES, SENTENCES = 3, 8_000, 60_000
_OPEN: list[Tokenizer] = []  # in each process
KINDS = ("wordpiece", "unigram", "bpe", "byte_bpe")


def sentences(path: Path | None, most: int) -> list[str]:
    """Return sentences of a file; without one invented ones, whose words are as often as words are."""
    if path is None:
        rng = np.random.default_rng(0)
        kana = [chr(code) for code in range(0x3042, 0x3094)]
        words = ["".join(rng.choice(kana, rng.integers(1, 5))) for _ in range(4_000)]
        ranks = np.exp(rng.random((most, 20)) * np.log(len(words))).astype(int)
        return ["".join(words[rank] for rank in row) + "。" for row in ranks]
    rows = build(Reader.find("files"), {"path": str(path)}).rows()
    found = (s for row in rows for line in row["text"].split("\n") for s in split_sentences(line, "ja"))
    return list(islice(found, most))


def vocabulary(folder: Path, texts: list[str], kind: str) -> Path:
    """Learn a vocabulary of MeCab's words from the texts; return its folder."""
    write_shard(folder / "text.parquet", [texts])
    sample = Sample.draw([folder / "text.parquet"], 10**8, seed=0, processes=1, normal_form="NFKC")
    Vocabulary.model_validate({"kind": kind, "size": 4_000, "words": "mecab"}).train(sample, folder / kind)
    return folder / kind


def against_bert_japanese(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Return the ratio of processor times, theirs by ours, and characters a second of both; ids must be the same."""
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    before, asked = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    processes = num_cores()
    rows, clocks = [], []
    with get_context("spawn").Pool(processes, _ready, (folder, before)) as pool:
        pool.map(_encode, [before[:1]] * 4 * processes, chunksize=1)  # all have read the first half
        for _ in range(TURNS):
            cold, warm = Tokenizer.open(folder), Tokenizer.open(folder)
            warm.encode_many(before)
            found = [pieces.ids.tolist() for pieces in warm.encode_many(asked[:99], special="token")]
            assert found == theirs(asked[:99], add_special_tokens=False)["input_ids"]
            began = perf_counter()
            their_seconds = seconds(partial(theirs, asked, add_special_tokens=False))
            their_clock, began = perf_counter() - began, perf_counter()
            pool.map(_encode, [asked[part :: 2 * processes] for part in range(2 * processes)], chunksize=1)
            clocks.append((their_clock, perf_counter() - began))
            rows.append(
                (their_seconds, seconds(partial(warm.encode_many, asked)), seconds(partial(cold.encode_many, asked)))
            )
    characters = sum(map(len, asked))
    return {
        "vs_bert_japanese": round(median(theirs / ours for theirs, ours in clocks), 2),
        "processes": processes,
        "per_core": round(median(theirs / warm for theirs, warm, _ in rows), 2),
        "per_core_cold": round(median(theirs / cold for theirs, _, cold in rows), 2),
        "our_characters_per_core_second": round(characters / median(warm for _, warm, _ in rows)),
        "their_characters_per_core_second": round(characters / median(theirs for theirs, _, _ in rows)),
    }


def _ready(folder: Path, before: list[str]) -> None:
    _OPEN.append(Tokenizer.open(folder))
    _OPEN[0].encode_many(before)


def _encode(texts: list[str]) -> int:
    return sum(len(pieces.ids) for pieces in _OPEN[0].encode_many(texts))


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of this process that some work takes."""
    began = process_time()
    work()
    return process_time() - began


def speed(folder: Path, texts: list[str]) -> int:
    """Return the characters a core encodes in a second."""
    tokenizer = Tokenizer.open(folder)
    began = process_time()
    tokenizer.encode_many(texts)
    return round(sum(map(len, texts)) / (process_time() - began))


def steps(data: Path, megabytes: float, turns: int, processes: int) -> dict[str, Any]:
    """Return speed and memory of each step beside its peers, for English and Japanese."""
    absent = [name for name in ("datasets", "datatrove") if find_spec(name) is None]
    found: dict[str, Any] = {"processes": processes, "absent": absent, "failed": []}
    for language, files in (("en", "raw-enwiki"), ("ja", "raw-aozora")):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            size = write_raw(data / files, folder, megabytes) / 1e6
            found[language] = {"megabytes": round(size, 1)}
            for step, peers in STEPS.items():
                rows: dict[str, list[dict[str, float]]] = {}
                for _, (who, _) in product(range(turns), peers.items()):
                    if who in absent or ((step, who) in ENGLISH_ALONE and language != "en"):
                        continue
                    if made := taken(step, who, folder, language, processes):
                        rows.setdefault(who, []).append(made)
                    else:
                        found["failed"].append(f"{language} {step} {who}")
                found[language][step] = beside(rows, size)
                print(json.dumps({language: {step: found[language][step]}}), file=sys.stderr, flush=True)
    return found


def write_raw(files: Path, folder: Path, megabytes: float) -> int:
    """Write documents as JSON lines, in files for two processes; return the bytes of their text."""
    (folder / "raw").mkdir()
    size = 0
    with ExitStack() as stack:
        out = [stack.enter_context((folder / "raw" / f"{n}.jsonl").open("w", encoding="utf-8")) for n in range(4)]
        for number, row in enumerate(build(Reader.find("files"), {"path": str(files / "*.txt.xz")}).rows()):
            out[number % 4].write(json.dumps({"text": row["text"]}, ensure_ascii=False) + "\n")
            size += len(row["text"].encode())
            if size > megabytes * 1e6:
                break
    return size


def taken(step: str, who: str, folder: Path, language: str, processes: int) -> dict[str, float]:
    """Return what a step took in a process of its own; nothing where it failed."""
    mine = {"clean": "clean", "vocab": "vocab", "tokenize": "tokens"}[step] if who == "ours" else ""
    for name in filter(None, ("made", "made.parquet", "cache", "logs", mine)):
        path = folder / name
        path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
    program = [sys.executable, str(Path(__file__).parent / "_corpus_steps.py"), step, who, str(folder), language]
    program.append(str(processes))
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-1000:], file=sys.stderr)
        return {}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def beside(rows: dict[str, list[dict[str, float]]], megabytes: float) -> dict[str, Any]:
    """Return the figures of each, and the ratios of the same turns."""
    told: dict[str, Any] = {}
    for who, turns in rows.items():
        told[who] = {**turns[-1], "seconds": median(turn["seconds"] for turn in turns)}
        told[who] |= {"peak_mb": max(turn["peak_mb"] for turn in turns)}
        told[who]["mb_s"] = round(megabytes / told[who]["seconds"], 2)
        if who != "ours" and "ours" in rows:
            for name, seconds in (("vs", "seconds"), ("work_vs", "processor_seconds")):
                ratios = [theirs[seconds] / ours[seconds] for theirs, ours in zip(turns, rows["ours"], strict=False)]
                told[f"{name}_{who}"] = round(median(ratios), 2)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    data = os.environ.get("MAMEBERT_DATA")
    if asked.steps:
        if not data:
            parser.error("--steps needs the environment variable MAMEBERT_DATA.")
        row = steps(Path(data), asked.megabytes, asked.turns, asked.processes) | {
            "machine": machine(torch.device("cpu"))
        }
        print(json.dumps(row))
        return
    shard = Path(data) / "raw-aozora" / "aozora_modern_0.txt.xz" if data else None
    path = asked.text or (shard if shard and shard.is_file() else None)
    texts = sentences(path, QUICK_SENTENCES if asked.quick else SENTENCES)
    with tempfile.TemporaryDirectory() as folder:
        row = against_bert_japanese(vocabulary(Path(folder), texts, "wordpiece"), texts)
        for kind in () if asked.quick else KINDS:
            made = vocabulary(Path(folder) / "kinds", texts, kind)
            row[f"{kind}_characters_per_core_second"] = speed(made, texts)
    row |= {"text": path.name if path else "invented", "sentences": len(texts), "machine": machine(torch.device("cpu"))}
    print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
