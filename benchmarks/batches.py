"""How fast batches are made, beside the collator of Hugging Face, and how soon the first one is there.

    python benchmarks/batches.py            all units and batch sizes, some minutes
    python benchmarks/batches.py --quick    two of them, under 50 seconds

The text is invented (words by Zipf's law, 100 M tokens in 50 shards): speed does not depend on what it says. One
thread; seconds are processor seconds, each figure the median over rounds that ours and the collator take in turn. The
collator gets its rows as lists already in memory; ours reads them from the shards. Ends with one JSON line and writes
it to benchmarks/results/.
"""

import argparse
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from _clock import machine, rate, summary, timed
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches

NAMES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SPECIAL = dict(zip(("pad", "unk", "cls", "sep", "mask"), range(5), strict=True))
VOCAB, LENGTH, SHARD_TOKENS, NUM_SHARDS = 32_000, 128, 2_000_000, 50
CPU = torch.device("cpu")


def write_corpus(folder: Path) -> TokenShards:
    """Write one shard, and copies of it: documents of about 1,000 tokens, sentences of 5 to 40."""
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(10, VOCAB + 5)
    ids = 5 + rng.choice(VOCAB - 5, SHARD_TOKENS, p=chances / chances.sum())
    words = rng.random(SHARD_TOKENS) < 0.7
    ends = np.cumsum(rng.integers(5, 41, SHARD_TOKENS // 22))
    ends = ends[ends < SHARD_TOKENS].tolist()
    sentences = [(ids[a:b], words[a:b]) for a, b in zip([0, *ends], [*ends, SHARD_TOKENS], strict=True)]
    documents = []
    while sentences:
        size = 1 + int(rng.lognormal(3.4, 1.0))
        documents.append(sentences[:size])
        del sentences[:size]
    first = shard_path(folder, "train", 0)
    write_token_shard(first, documents, VOCAB)
    for number in range(1, NUM_SHARDS):
        shutil.copy(first, shard_path(folder, "train", number))
    write_manifest(folder, VOCAB)
    return TokenShards.open(folder, check=False)


def plan(shards: TokenShards, kind: str, batch_tokens: int, unit: str = "token", epoch: int = 0) -> EpochOfBatches:
    objective = Objective.find(kind)(max_length=LENGTH, mask_unit=unit)
    return EpochOfBatches(objective, shards, SPECIAL, batch_tokens, seed=1, epoch=epoch)


def ours(batches: EpochOfBatches, number: int) -> Callable[[], int]:
    """Return work that makes `number` batches from anywhere in the epoch."""
    rng = np.random.default_rng(0)

    def work() -> int:
        return sum(len(batches[int(n)].packed.ids) for n in rng.integers(0, len(batches) - 1, number))

    return work


def collator(unit: str, batch_tokens: int) -> Callable[[], int]:
    """Return work that masks one batch of rows of the full length, as run_mlm.py's grouped texts are."""
    vocabulary = {name: number for number, name in enumerate(NAMES)} | {f"w{n}": n for n in range(5, VOCAB)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordPiece(vocabulary, unk_token="[UNK]")),
        **{f"{name}_token": NAMES[number] for name, number in SPECIAL.items()},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whole words are never replaced by random ones there
        collate = DataCollatorForLanguageModeling(tokenizer, whole_word_mask=unit == "word")
    rng = np.random.default_rng(0)
    rows = []
    for ids in rng.integers(5, VOCAB, (batch_tokens // LENGTH, LENGTH - 2)):
        begins = np.cumsum(rng.random(LENGTH - 2) < 0.7)
        places = [(int(10 * word + at), int(10 * word + at + 1)) for at, word in enumerate(begins)]
        row = {
            "input_ids": [2, *ids.tolist(), 3],
            "attention_mask": [1] * LENGTH,
            "special_tokens_mask": [1, *[0] * (LENGTH - 2), 1],
        }
        rows.append(row | ({"offset_mapping": [(0, 0), *places, (0, 0)]} if unit == "word" else {}))

    def work() -> int:
        return int(collate(rows)["input_ids"].numel())

    return work


def side_by_side(shards: TokenShards, kind: str, unit: str, batch_tokens: int, rounds: int) -> dict[str, Any]:
    """Return both rates and their ratio."""
    batches = plan(shards, kind, batch_tokens, unit)
    mine, theirs = ours(batches, max(4, 400_000 // batch_tokens)), collator(unit, batch_tokens)
    found: dict[str, list[Any]] = {"ours": [], "collator": []}
    for number in range(rounds + 1):
        pair = {"ours": timed(mine, CPU), "collator": timed(theirs, CPU)}
        if number:  # the first round warms up
            for name, each in pair.items():
                found[name].append(each)
    ratio = rate(found["ours"]) / rate(found["collator"])
    return {name: summary(each) for name, each in found.items()} | {"ratio": round(ratio, 1)}


def first_batch_seconds(shards: TokenShards, kind: str, share: float) -> float:
    """Return the processor seconds from nothing to the batch that lies at a share of an epoch not seen before."""
    began = process_time()
    batches = plan(shards, kind, 8192, epoch=1)
    batches[int(share * len(batches))]
    return round(process_time() - began, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    cases = [("masked_lm", unit, size) for unit in ("token", "word", "span") for size in (8192, 65_536)]
    cases += [("masked_lm_nsp", "token", 8192), ("masked_lm_nsp", "token", 65_536)]
    with tempfile.TemporaryDirectory() as folder:
        shards = write_corpus(Path(folder))
        result = {
            "batches": {
                f"{kind}, {unit}, {size}": side_by_side(shards, kind, unit, size, 7 if quick else 15)
                for kind, unit, size in (cases[:2] if quick else cases)
            },
            "first_batch_seconds": {
                kind: {
                    "at the beginning": first_batch_seconds(shards, kind, 0),
                    "in the middle": first_batch_seconds(shards, kind, 0.5),
                }
                for kind in ("masked_lm", "masked_lm_nsp")
            },
            "corpus_tokens": shards.num_tokens,
            "shards": NUM_SHARDS,
            "machine": machine(CPU),
        }
    if not quick:
        place = Path(__file__).parent / "results" / "batches.json"
        place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
