"""One step on a corpus's way, by us or by a peer, in a process of its own: `corpus.py` starts it.

    python benchmarks/_corpus_steps.py clean datatrove FOLDER en 2

A peer cleans a document, filters it and splits its sentences by our own functions, so that what differs is who reads,
hands documents to processes and writes. The last argument is the number of processes. Prints one JSON line: seconds by
the clock, from the start to files that are written, without the imports of this process; seconds of processors, those
of all its processes; their largest memory together (PSS; what they share counts once); what came out.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, thread_time
from typing import Any

PROCESSES, SHARD_CHARACTERS, SIZE = int(sys.argv[5]) if len(sys.argv) == 6 else 2, 1_000_000, 8_000
Step = Callable[[Path, str], Callable[[], dict[str, int]]]


def settings(language: str) -> dict[str, Any]:
    """Return how a text is cleaned; duplicates stay, for the peers look for none."""
    form = {"normalise": "NFKC"} if language == "ja" else {}
    return {"language": language, "cleaning": form, "filters": {"preset": "basic"}, "duplicates": "none"}


def raw(folder: Path) -> list[str]:
    """Return the files of the text as it came: an object in a line for each document."""
    return [str(path) for path in sorted((folder / "raw").glob("*.jsonl"))]


def cleaner(language: str) -> Callable[[list[str]], list[list[str]]]:
    """Return what makes texts lists of sentences; of those that are dropped, empty ones."""
    from mamebert.config import build
    from mamebert.corpus.batches import RawBatch
    from mamebert.stages.clean import CleanConfig, _work

    work = _work(build(CleanConfig, {**settings(language), "sources": "-", "output": "runs/none"}))

    def sentences(texts: list[str]) -> list[list[str]]:
        found = work(RawBatch(0, texts, sum(map(len, texts)))).documents
        return [[each for paragraph in document.paragraphs for each in paragraph.sentences] for document in found]

    return sentences


def our_clean(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Clean by `mamebert clean`."""
    from mamebert.config import build
    from mamebert.stages.clean import CleanConfig, clean

    given = {"sources": raw(folder), "processes": PROCESSES, "shard_characters": SHARD_CHARACTERS}
    config = build(CleanConfig, {**settings(language), **given, "output": folder / "clean"})
    return lambda: _documents(clean(config).results)


def datasets_clean(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Clean by `datasets.map`."""
    from datasets import load_dataset

    sentences = cleaner(language)

    def kept(rows: dict[str, list[str]]) -> dict[str, list[list[str]]]:
        return {"sentences": [each for each in sentences(rows["text"]) if each]}

    def work() -> dict[str, int]:
        cache = str(folder / "cache")
        rows = load_dataset("json", data_files=raw(folder), split="train", cache_dir=cache)
        made = rows.map(kept, batched=True, num_proc=PROCESSES, remove_columns=rows.column_names)
        made.to_parquet(str(folder / "made.parquet"))
        return {"documents": len(made)}

    return work


def datatrove_clean(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Clean by datatrove: a filter between its reader and its writer."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import ParquetWriter

    class Kept(BaseFilter):
        name = "Kept"
        sentences = None

        def filter(self, document: Any) -> bool:
            self.sentences = self.sentences or cleaner(language)
            document.metadata = {"sentences": self.sentences([document.text])[0]}
            return bool(document.metadata["sentences"])

    def columns(_: Any, document: Any) -> dict[str, Any]:
        return {"sentences": document.metadata["sentences"]}

    made = folder / "made"
    steps = [JsonlReader(str(folder / "raw")), Kept(), ParquetWriter(str(made), compression="zstd", adapter=columns)]
    run = LocalPipelineExecutor(steps, len(raw(folder)), PROCESSES, logging_dir=str(folder / "logs"))

    def work() -> dict[str, int]:
        import pyarrow.parquet as pq

        run.run()
        return {"documents": sum(pq.read_metadata(path).num_rows for path in made.glob("*.parquet"))}

    return work


def our_vocab(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Learn WordPiece by `mamebert vocab`, which also judges it."""
    from mamebert.config import build
    from mamebert.stages.vocab import VocabConfig, vocab

    words = {"words": "mecab"} if language == "ja" else {}
    given = {"corpus": folder / "clean", "vocabulary": {"kind": "wordpiece", "size": SIZE, **words}}
    config = build(VocabConfig, {**given, "processes": PROCESSES, "output": folder / "vocab"})
    return lambda: {"pieces": vocab(config).results["size"]}


def tokenizers_vocab(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Learn WordPiece by `tokenizers`, on as many threads."""
    os.environ |= {"TOKENIZERS_PARALLELISM": "true", "RAYON_NUM_THREADS": str(PROCESSES)}
    from tokenizers import BertWordPieceTokenizer

    made = BertWordPieceTokenizer(lowercase=False, strip_accents=False)

    def work() -> dict[str, int]:
        made.train_from_iterator((" ".join(each) for each in _cleaned(folder)), SIZE, show_progress=False)
        made.save_model(str(folder))
        return {"pieces": made.get_vocab_size()}

    return work


def our_tokenize(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Encode by `mamebert tokenize`."""
    from mamebert.config import build
    from mamebert.stages.tokenize import TokenizeConfig, tokenize

    given = {"corpus": folder / "clean", "tokenizer": folder / "vocab", "heldout_rate": 0}
    config = build(TokenizeConfig, {**given, "processes": PROCESSES, "output": folder / "tokens"})
    return lambda: {"tokens": tokenize(config).results["tokens"]}


def datasets_tokenize(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Encode by `datasets.map` and the tokenizer of `transformers`."""
    from datasets import load_dataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "vocab" / "tokenizer", local_files_only=True)
    space = "" if language == "ja" else " "

    def encoded(rows: dict[str, list[list[str]]]) -> dict[str, Any]:
        texts = [space.join(sentences) for sentences in rows["sentences"]]
        return {"input_ids": tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]}

    def work() -> dict[str, int]:
        shards = [str(path) for path in sorted((folder / "clean" / "documents").glob("*.parquet"))]
        rows = load_dataset("parquet", data_files=shards, split="train", cache_dir=str(folder / "cache"))
        made = rows.map(encoded, batched=True, num_proc=PROCESSES, remove_columns=rows.column_names)
        return {"tokens": sum(len(ids) for ids in made.data.column("input_ids"))}

    return work


def datatrove_tokenize(folder: Path, language: str) -> Callable[[], dict[str, int]]:
    """Encode by datatrove and `tokenizers`."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    def text(_: Any, row: dict[str, Any], path: str, number: int) -> dict[str, Any]:
        return {"text": " ".join(row["sentences"]), "id": f"{path}/{number}"}

    shards = folder / "clean" / "documents"
    made = DocumentTokenizer(
        str(folder / "made"),
        str(folder / "vocab" / "tokenizer" / "tokenizer.json"),
        shuffle_documents=False,
        eos_token=None,
    )
    steps = [ParquetReader(str(shards), adapter=text, glob_pattern="*.parquet"), made]
    number = len(list(shards.glob("*.parquet")))
    run = LocalPipelineExecutor(steps, number, PROCESSES, logging_dir=str(folder / "logs"))

    def work() -> dict[str, int]:
        run.run()
        return {"tokens": sum(path.stat().st_size for path in (folder / "made").glob("*.ds")) // 2}

    return work


STEPS: dict[str, dict[str, Step]] = {
    "clean": {"ours": our_clean, "datasets": datasets_clean, "datatrove": datatrove_clean},
    "vocab": {"ours": our_vocab, "tokenizers": tokenizers_vocab},
    "tokenize": {"ours": our_tokenize, "datasets": datasets_tokenize, "datatrove": datatrove_tokenize},
}
ENGLISH_ALONE = {("vocab", "tokenizers"), ("tokenize", "datatrove")}
"""They have no MeCab."""


def _cleaned(folder: Path) -> Iterator[list[str]]:
    from mamebert.corpus.documents import document_shards, read_shard

    for shard in document_shards(folder / "clean"):
        yield from read_shard(shard)


def _documents(results: dict[str, Any]) -> dict[str, int]:
    return {"documents": results["documents"]}


def peak(stop: Event, found: list[int], looking: list[float]) -> None:
    """Look ten times a second at the memory of this process and of those that it has started; tell what that takes."""
    import psutil

    while not stop.wait(0.1):
        together = 0
        this = psutil.Process()
        for each in [this, *this.children(recursive=True)]:
            try:
                together += each.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        found.append(together)
        looking[0] = thread_time()


def processor_seconds() -> float:
    """Return what this process and those that it has started, and those that these have, took of processors."""
    import psutil

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found = sum(each.ru_utime + each.ru_stime for each in used)
    for each in psutil.Process().children(recursive=True):  # a server of processes lives on, and waits for its own
        try:
            found += sum(each.cpu_times()[:4])
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def main() -> None:
    step, who, folder, language = sys.argv[1:5]
    work = STEPS[step][who](Path(folder), language)
    stop, found, looking = Event(), [0], [0.0]
    watch = Thread(target=peak, args=(stop, found, looking))
    watch.start()
    began, began_working = perf_counter(), processor_seconds()
    made = work()
    seconds, worked = perf_counter() - began, processor_seconds() - began_working
    stop.set()
    watch.join()
    told = {"seconds": round(seconds, 3), "processor_seconds": round(worked - looking[0], 3)}
    print(json.dumps({**told, "peak_mb": round(max(found) / 1e6), **made}))


if __name__ == "__main__":
    main()
