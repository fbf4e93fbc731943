"""What each choice of a recipe is worth: tokens and processor seconds to a held-out loss of masked words.

    python benchmarks/recipe_speed.py                       all recipes, three seeds: twenty minutes of one core
    python benchmarks/recipe_speed.py --quick               the first and the last recipe, under 50 seconds
    python benchmarks/recipe_speed.py --shards RUN          on the output of `mamebert tokenize`
    python benchmarks/recipe_speed.py --only Muon           one recipe only; nothing is kept

Every recipe below adds to the one above it, in the words of `mamebert pretrain`. All see the same number of tokens of
the same text and are asked about the same held-out text with the same masks, 15 % whatever they were trained with.
Ends with one JSON line; the full run keeps it in benchmarks/results/. Seconds are those of the processor, on one
thread, so other work on the machine matters little; evaluation is not counted, and word2vec's own time is told apart.
"""

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from time import process_time
from typing import Any

# Threads that wait by spinning would be counted as work. Read when torch starts its threads.
os.environ |= {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

import torch
from _clock import machine

from mamebert.config import build, merge, read_settings
from mamebert.corpus.token_shards import TokenShards
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.runs import Run
from mamebert.stages import find
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps

RUNS = Path(__file__).parents[1] / "runs"
SEEDS = (1, 2, 3)
MARKS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
"""Shares of the tokens after which the held-out text is read."""
HELD_OUT = 5
"""Batches of held-out text, 8,192 tokens each."""
LONGER = 3
"""The first recipe is also followed for so many times as long: what it reaches then is the goal of the others."""

RECIPES = {
    "0.1.0": "output_bias=zero encoder.hidden_dropout_prob=0.1 encoder.initializer_range=0.02 training.peak_lr=1e-3 "
    "training.batch_tokens=4096 training.schedule=linear training.optimizer=adamw",
    "output bias": "output_bias=frequencies",
    "no dropout": "encoder.hidden_dropout_prob=0",
    "larger first weights": "encoder.initializer_range=0.05",
    "smaller batches, higher rate": "training.batch_tokens=2048 training.peak_lr=4e-3",
    "Muon": "training.optimizer=muon",
    "word2vec's vectors to begin with": "embeddings.frozen=false",
    "word2vec's vectors for good": "embeddings.frozen=true",
}


@dataclass(frozen=True)
class Task:
    """One pretraining to take."""

    recipe: str
    seed: int
    settings: dict[str, Any] = field(hash=False)
    """Of `mamebert pretrain`, but for the length."""
    tokens: int


def learn(task: Task) -> dict[str, Any]:
    """Return held-out losses (nats) along the way and at the end, with the tokens and seconds they took."""
    torch.set_num_threads(1)
    batch_tokens = task.settings["training"]["batch_tokens"]
    steps = round(task.tokens / batch_tokens)
    settings = merge({"training": {"steps": steps}, "seed": task.seed}, task.settings)
    work = PretrainingSteps(build(PretrainConfig, settings))
    marks = {round(mark * steps) for mark in MARKS}
    count, curve, began = work.count, [], process_time()
    for step, batch in work:
        count.add(step, len(batch.packed.ids), 0, 0.0, process_time() - began)  # the steps end by this count
        if step.number in marks:
            curve.append((count.tokens, round(count.cpu_seconds, 1), round(held_out_loss(work), 4)))
        began = process_time()
    tokens, seconds, loss = curve[-1]
    return {"seed": task.seed, "tokens": tokens, "seconds": seconds, "loss": loss, "curve": curve}


@torch.no_grad()
def held_out_loss(work: PretrainingSteps) -> float:
    """Return the mean loss over the same held-out tokens for every recipe."""
    objective = build(Objective.find("masked_lm"), {"max_length": work.config.objective.max_length})
    shards = TokenShards.open(work.config.shards, "heldout", check=False)
    plan = EpochOfBatches(objective, shards, work.tokenizer.special, 8192, seed=0, epoch=0)
    work.network.eval()
    answers = HeldOutSums()
    for number in range(min(HELD_OUT, len(plan))):
        objective.answer(work.network, plan[number], answers)
    return answers.loss / answers.asked


def make_text(folder: Path, quick: bool, width: int) -> tuple[Path, Path]:
    """Make token shards and word vectors of the documentation of the packages installed here; return both runs."""
    packages = ["numpy", "networkx"] if quick else []
    stages: dict[str, dict[str, Any]] = {
        "clean": {"sources": {"kind": "python_docs", "packages": packages}},
        "vocab": {"corpus": folder / "clean", "vocabulary": {"size": 2000 if quick else 8000, "lowercase": True}},
        "tokenize": {"corpus": folder / "clean", "tokenizer": folder / "vocab"},
        "vectors": {"shards": folder / "tokenize", "cbow": {"vector_size": width, "processes": 1}},
    }
    for name, settings in stages.items():
        kind, work = find(name)
        work(build(kind, {"output": folder / name, **settings}))
    return folder / "tokenize", folder / "vectors"


def tasks(shards: Path, vectors: Path, names: Sequence[str], shape: dict[str, int], tokens: int) -> list[Task]:
    """Return one pretraining for every recipe and seed, and longer ones of the first recipe."""
    found, settings = [], {}
    for name, words in RECIPES.items():
        settings = merge(json.loads(json.dumps(settings)), read_settings(words.split()))
        own = merge({"shards": str(shards), "output": "nothing is written", "encoder": dict(shape)}, settings)
        own["objective"] = {"kind": "masked_lm", "max_length": 128}
        if "embeddings" in own:
            own["embeddings"]["vectors"] = str(vectors)
        lengths = {name: tokens, f"{name}, longer": LONGER * tokens} if not found else {name: tokens}
        found += [Task(title, seed, own, length) for title, length in lengths.items() for seed in SEEDS]
    return sorted((task for task in found if task.recipe in names), key=lambda task: task.seed)


def reached(curve: Sequence[tuple[int, float, float]], loss: float) -> tuple[float, float] | None:
    """Return tokens and seconds at which a curve first comes down to `loss`, on straight lines between its points."""
    for (t0, s0, l0), (t1, s1, l1) in pairwise(curve):
        if l1 <= loss:
            share = max(0.0, (l0 - loss) / (l0 - l1))
            return t0 + share * (t1 - t0), s0 + share * (s1 - s0)
    return None


def table(runs: dict[Task, dict[str, Any]]) -> dict[str, Any]:
    """Return means over the seeds for every recipe, and what each needs to reach the goal."""
    rows: dict[str, Any] = {}
    for name in dict.fromkeys(task.recipe for task in runs):
        own = [run for task, run in runs.items() if task.recipe == name]
        losses = [run["loss"] for run in own]
        rows[name] = {
            "adds": RECIPES.get(name),
            "loss": round(mean(losses), 4),
            "deviation": round(stdev(losses), 4) if len(losses) > 1 else None,
            "tokens": round(mean(run["tokens"] for run in own)),
            "seconds": round(mean(run["seconds"] for run in own), 1),
            "runs": own,
        }
    first = next(iter(rows))
    goal = rows.get(f"{first}, longer", rows[first])["loss"]
    for row in rows.values():
        there = [reached(run["curve"], goal) for run in row["runs"]]
        row["tokens_to_goal"] = round(mean(place[0] for place in there if place)) if all(there) else None
        row["seconds_to_goal"] = round(mean(place[1] for place in there if place), 1) if all(there) else None
    return {"goal": goal, "recipes": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two recipes, one seed, few tokens")
    parser.add_argument("--shards", type=Path, help="a run of `mamebert tokenize`; else documentation found here")
    parser.add_argument("--vectors", type=Path, help="a run of `mamebert vectors` for these shards")
    parser.add_argument("--shape", default="128x2", help="width x layers")
    parser.add_argument("--tokens", type=int, default=600_000, help="tokens of a pretraining")
    parser.add_argument("--only", action="append", help="a recipe; the result is not kept then")
    parser.add_argument("--processes", type=int, default=1, help="pretrainings at a time")
    asked = parser.parse_args()
    width, layers = (int(number) for number in asked.shape.split("x"))
    shape = {"hidden_size": width, "num_hidden_layers": layers}
    shards, vectors = asked.shards, asked.vectors
    if not shards:
        shards, vectors = make_text(
            RUNS / ("recipe_speed_quick" if asked.quick else "recipe_speed"), asked.quick, width
        )
    names = asked.only or [*RECIPES, f"{next(iter(RECIPES))}, longer"]
    todo = tasks(shards, vectors, names, shape, asked.tokens)
    if asked.quick:
        ends = [next(iter(RECIPES)), list(RECIPES)[-1]]
        todo = [replace(task, tokens=60_000) for task in todo if task.recipe in ends and task.seed == SEEDS[0]]
    runs = {}
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool:
        for task, run in zip(todo, pool.map(learn, todo), strict=True):
            print(f"{task.recipe:40} seed {task.seed}  {run['loss']:.4f} nats after {run['seconds']} s", flush=True)
            runs[task] = run
    vectors_seconds = Run.open(vectors).results["learning_seconds"] if vectors else None
    text = TokenShards.open(shards, check=False)
    result = {
        **table(runs),
        "shape": asked.shape,
        "vocabulary": text.vocab_size,
        "text_tokens": text.num_tokens,
        "word2vec_wall_seconds": vectors_seconds,
        **machine(torch.device("cpu")),
    }
    if not asked.quick and not asked.only:
        place = Path(__file__).parent / "results" / "recipe_speed.json"
        place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
