"""Speed of fine-tuning: `mamebert finetune` and the Trainer of `transformers`, in turn and in one process.

    python benchmarks/finetuning.py                                    two labels, invented texts of mixed length
    python benchmarks/finetuning.py --quick                            fewer rounds and one seed
    python benchmarks/finetuning.py --name sst2 --model FOLDER --train FILE --test FILE --columns sentence label
                                                                       any encoder and rows

The same folder, rows, batches of 32 rows, learning rates and precision (float32) on both sides; the Trainer pads each
batch to its longest row, as DataCollatorWithPadding does, or sorts rows of like length together (group_by_length). Then
both train to the end with each of three seeds and answer the test rows: speed must not cost accuracy.

Ends with one JSON line; the full run keeps it in benchmarks/results/finetuning.json under --name. Rates are real
tokens (padding is none) a second
of the processor's own time; every ratio is the median over rounds in which each side took some steps.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

# Threads that wait by spinning would be counted as work. Read when torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from _clock import Round, machine, summary, timed
from _trainer import Trained
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from mamebert.checkpoints.save import save_pretraining
from mamebert.config import build
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.labelled.rows import Labelled, read_labelled
from mamebert.stages.finetune.fitting import Fitting, answer
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import start_network
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.devices import pick_device

ROWS_OF_A_BATCH, LENGTH, VOCAB = 32, 256, 16_000
SHAPE = {"hidden_size": 256, "num_hidden_layers": 4, "max_position_embeddings": LENGTH}
TRAIN_ROWS, TEST_ROWS = 1024, 1024
# Logarithms of the lengths in words of invented texts: a median of 30, 5 % have 110 or more.
LOG_LENGTH = 3.4, 0.8


@dataclass
class Bench:
    """What both sides share."""

    config: FinetuneConfig
    model: Path
    rows: Labelled
    learnt: TaskState
    train: Part
    test: Part
    folder: Path

    @property
    def device(self) -> torch.device:
        return pick_device("auto")


class Ours:
    """A fine-tuning that stops after every few steps, for another to take its turn."""

    def __init__(self, bench: Bench, seed: int = 1) -> None:
        torch.manual_seed(seed)
        self.network = start_network(bench.config.task, bench.model, bench.learnt, bench.config.reading)
        self.network.to(bench.device)
        self.fitting = Fitting(bench.config, self.network, bench.train, bench.train, bench.learnt, lambda **_: None)
        self.bench, self.tokens = bench, 0
        self.network.bert.register_forward_pre_hook(self._count)
        self._steps = self._all_steps(seed)

    def take(self, steps: int) -> Round:
        """Take some steps."""
        return timed(lambda: self._take(steps), self.bench.device)

    def accuracy(self) -> float:
        """Train to the end and return the share of test rows that are right."""
        for step in self._steps:
            if step.number >= self.fitting.total:
                break
        task, test = self.bench.config.task, self.bench.test
        found = answer(task, self.network, test, self.bench.learnt)
        return task.measures(test.examples, found)[0].score

    def _take(self, steps: int) -> int:
        before = self.tokens
        for _ in range(steps):
            next(self._steps)
        return self.tokens - before

    def _all_steps(self, seed: int) -> Iterator[Any]:
        done = 0
        for epoch in count():
            for step in self.fitting._epoch(seed, epoch, done):
                done = step.number
                yield step

    def _count(self, module: Any, words: Any) -> None:
        self.tokens += len(words[0].ids)


def theirs(bench: Bench, seed: int = 1, **more: Any) -> Trained:
    """Return the peer at work on the same rows."""
    model = AutoModelForSequenceClassification.from_pretrained(bench.model, num_labels=len(bench.learnt.labels))
    names, training = AutoTokenizer.from_pretrained(bench.model), bench.config.training
    return Trained(
        model, dataset(bench, bench.rows.parts.train), bench.model, bench.folder / "trainer", ROWS_OF_A_BATCH,
        collator=DataCollatorWithPadding(names), learning_rate=training.peak_lr, seed=seed,
        weight_decay=training.weight_decay, adam_beta1=training.beta_1, adam_beta2=training.beta_2,
        adam_epsilon=training.epsilon, warmup_steps=training.warmup_rate, use_cpu=bench.device.type == "cpu", **more,
    )  # fmt: skip


def dataset(bench: Bench, examples: list[Any]) -> Dataset:
    """Return rows as `transformers` tokenises and numbers them."""
    names = AutoTokenizer.from_pretrained(bench.model)
    texts = [list(side) for side in zip(*(example.inputs for example in examples), strict=True)]
    shown = names(*texts, truncation=True, max_length=LENGTH, return_token_type_ids=True)
    labels = [bench.learnt.labels.index(example.gold) for example in examples]
    return Dataset.from_dict({**shown, "labels": labels})


def in_turn(bench: Bench, peer: Trained, rounds: int, steps: int = 4) -> dict[str, Any]:
    """Let both take their turns; return the rates and the median ratio."""
    ours, found = Ours(bench), []
    ours.take(2)  # warms up

    def pause() -> bool:
        found.append(ours.take(steps))
        return len(found) <= rounds

    peers = peer.rounds(steps, pause)
    ratios = [a.rate / b.rate for a, b in zip(found[1:], peers, strict=True)]
    record = {
        "peer": summary(peers),
        "ours": summary(found[1:]),
        "real_share_of_peers_tokens": round(peer.real_share, 3),
        "ours_against_peer": round(median(ratios), 2),
    }
    print(json.dumps(record), file=sys.stderr)  # a long run shows that it gets somewhere
    return record


def accuracies(bench: Bench, seeds: list[int]) -> dict[str, Any]:
    """Train both to the end from each seed and return accuracy on the test rows, mean and deviation."""
    rows = dataset(bench, bench.rows.parts.test)
    found: dict[str, list[float]] = {"ours": [], "peer": []}
    for seed in seeds:
        found["ours"].append(Ours(bench, seed).accuracy())
        peer = theirs(bench, seed, max_steps=-1, num_train_epochs=bench.config.training.epochs)
        peer.trainer.train()
        right = peer.trainer.predict(rows).predictions.argmax(1) == np.array(rows["labels"])
        found["peer"].append(float(right.mean()))
        print(json.dumps(found), file=sys.stderr)
    told = {name: {"mean": round(mean(each), 4), "deviation": spread(each)} for name, each in found.items()}
    return {**told, "seeds": len(seeds)}


def spread(values: list[float]) -> float:
    return round(stdev(values), 4) if len(values) > 1 else 0.0


def invented_rows(path: Path, num_rows: int, seed: int) -> Path:
    """Write texts of random words; a fifth of them come from the half of the vocabulary that the label owns."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(num_rows):
        label, length = int(rng.integers(2)), max(2, int(rng.lognormal(*LOG_LENGTH)))
        words = rng.integers(0, VOCAB - 5, length)
        telling = rng.random(length) < 0.2
        words[telling] = words[telling] // 2 + label * (VOCAB - 5) // 2
        lines.append(json.dumps({"text": " ".join(f"w{number}" for number in words), "label": str(label)}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def invented_model(folder: Path) -> Path:
    """Write an encoder of random weights whose vocabulary is w0, w1, ..."""
    from _text import invent

    torch.manual_seed(0)
    tokenizer = invent(folder / "text", VOCAB) / "tokenizer"
    network = PretrainingNetwork(build(EncoderConfig, SHAPE), VOCAB)
    save_pretraining(network, tokenizer, folder / "model")
    return folder / "model"


def opened(folder: Path, words: argparse.Namespace) -> Bench:
    """Read rows and tokens once for both sides."""
    model = words.model or invented_model(folder)
    reader = partial(dict, kind="files")
    train = words.train or invented_rows(folder / "train.jsonl", TRAIN_ROWS // (4 if words.quick else 1), 0)
    test = words.test or invented_rows(folder / "test.jsonl", TEST_ROWS // (4 if words.quick else 1), 1)
    *texts, label = words.columns
    config = build(
        FinetuneConfig,
        {
            "model": model, "train": reader(path=str(train)), "test": reader(path=str(test)), "output": folder / "none",
            "max_rows": TRAIN_ROWS, "max_test_rows": TEST_ROWS, "split": {"valid": 0.01},
            "task": {"text_columns": texts, "label_column": label, "max_length": LENGTH, "chunks": 1},
            # All that fine-tuning would else decide by itself: both sides learn in one way.
            "batch_rows": ROWS_OF_A_BATCH, "patience": 99,
            "training": {"epochs": 3, "peak_lr": 2e-4, "warmup_rate": 0.1, "precision": "float32"},
        },
    )  # fmt: skip
    rows = read_labelled(config)
    learnt = config.task.learn(rows.parts.train)
    tokenizer = Tokenizer.open(model)
    train_part, test_part = (
        Part(examples, config.task.features(tokenizer, examples, learnt))
        for examples in (rows.parts.train, rows.parts.test)
    )
    return Bench(config, Path(model), rows, learnt, train_part, test_part, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, one seed; nothing is kept")
    parser.add_argument("--model", type=Path, help="an encoder's folder instead of one with random weights")
    parser.add_argument("--train", help="labelled rows instead of invented ones")
    parser.add_argument("--test", help="labelled rows to be judged on")
    parser.add_argument("--columns", nargs="+", default=["text", "label"], help="text columns, then the label's")
    parser.add_argument("--name", default="invented", help="what the kept numbers are called")
    parser.add_argument("--seeds", type=int, default=3, help="trainings to the end of each side; 0 compares speed only")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = opened(Path(scratch), words)
        rounds = 2 if words.quick else 5
        record: dict[str, Any] = {
            "rows_of_a_batch": ROWS_OF_A_BATCH,
            "longest": LENGTH,
            "mean_tokens": round(mean(each.num_tokens for each in bench.train.features), 1),
            "random_order": in_turn(bench, theirs(bench), rounds),
            "group_by_length": in_turn(bench, theirs(bench, train_sampling_strategy="group_by_length"), rounds),
            "machine": machine(bench.device),
        }
        if words.seeds:
            record["accuracy"] = accuracies(bench, list(range(1, 2 if words.quick else words.seeds + 1)))
    line = json.dumps(record)
    if not words.quick:
        target = Path(__file__).parent / "results" / "finetuning.json"
        kept = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
        target.write_text(json.dumps({**kept, words.name: record}, indent=1) + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
