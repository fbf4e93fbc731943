"""What speed costs in quality: ours and the Trainer of `transformers` pretrain one shape on the same tokens.

    python benchmarks/quality.py --shards RUN --livedoor ARCHIVE      some twenty processor-minutes
    python benchmarks/quality.py --quick                              invented tokens, no task: under 50 seconds

RUN is the output of `mamebert tokenize`, ARCHIVE the Livedoor news corpus. Same sequences, steps, tokens, schedule and
rate, three seeds; then the same held-out masks are put to all saved folders, and all are fine-tuned on one split. Ours
is `mamebert pretrain` with its defaults. Ends with one JSON line; the full run keeps it in benchmarks/results/.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from _clock import machine
from _ours import Ours, Shape
from _text import invent
from _trainer import Trained, bert, sequences

from mamebert import FinetuneConfig, finetune, pretrain
from mamebert.checkpoints.load import load_pretraining
from mamebert.kernels import status
from mamebert.stages.pretrain.steps import PretrainingSteps

SHAPE, VOCAB, BATCH_TOKENS, PEAK_LR = Shape(128, 2), 8_000, 2048, 2e-3


def our_encoder(shards: Path, folder: Path, steps: int, seed: int) -> tuple[Path, int]:
    """Pretrain with `mamebert pretrain`; return the model folder and the tokens read."""
    config = at_work(shards, steps, seed).config
    run = pretrain(config.model_copy(update={"output": folder / f"ours-{seed}", "evaluate_every": steps}))
    return run.folder / "model", run.results["tokens"]


def their_encoder(shards: Path, folder: Path, steps: int, seed: int) -> tuple[Path, int]:
    """Pretrain with the Trainer on the same sequences; return the model folder and the tokens read."""
    work = at_work(shards, steps, seed)
    ours, text = work.config, work.shards
    rows = sequences(work)
    mean_length = sum(map(len, rows["input_ids"])) / len(rows)
    transformers.set_seed(seed)
    trained = Trained(
        bert(SHAPE, text.vocab_size),
        rows,
        text.tokenizer_folder,
        folder / "trainer",
        round(BATCH_TOKENS / mean_length),
        max_steps=steps,
        learning_rate=PEAK_LR,
        lr_scheduler_type="linear",
        warmup_steps=round(steps * ours.training.warmup_rate),
        weight_decay=ours.training.weight_decay,
        adam_beta2=ours.training.beta_2,
        adam_epsilon=ours.training.epsilon,
        max_grad_norm=ours.training.clip_norm,
        seed=seed,
        use_cpu=not torch.cuda.is_available(),
    )
    trained.trainer.train()
    place = folder / f"theirs-{seed}"
    trained.trainer.model.save_pretrained(place)
    shutil.copytree(text.tokenizer_folder, place, dirs_exist_ok=True)
    return place, trained.real


def at_work(shards: Path, steps: int, seed: int = 0) -> PretrainingSteps:
    """Return what `mamebert pretrain` would do."""
    return Ours(SHAPE, shards, BATCH_TOKENS, seed=seed, steps=steps, peak_lr=PEAK_LR).work


def held_out_loss(shards: Path, model: Path) -> float:
    """Return the loss of masked words in nats; every model is asked for the same ones."""
    judge = at_work(shards, steps=1)
    judge.network = judge.learner.network = load_pretraining(model)
    return judge.measure()["heldout_mlm_loss"]


def accuracies(models: dict[str, Path], archive: Path, folder: Path) -> dict[str, float]:
    """Fine-tune all on Livedoor's nine categories; return the accuracies on the test articles."""
    config = FinetuneConfig(
        models=models,
        source={"kind": "livedoor", "path": archive},
        max_rows=3000,
        split={"train": 0.2, "valid": 0.1},
        task={"text_columns": ["title", "body"], "label_column": "category", "max_length": SHAPE.length},
        training={"epochs": 5, "batch_tokens": 4096, "peak_lr": 1e-3},
        seeds=[1],
        baselines="none",
        output=folder / "livedoor",
    )
    return {each["name"]: each["seeds"][0]["scores"]["accuracy"] for each in finetune(config).results["models"]}


def compare(found: dict[str, list[float]]) -> dict[str, Any]:
    """Return mean and deviation over the seeds of both, and the difference of the means."""
    spread = {
        name: {"mean": round(mean(values), 4), "deviation": round(stdev(values), 4) if values[1:] else None}
        for name, values in found.items()
    }
    return {**spread, "ours_minus_theirs": round(mean(found["ours"]) - mean(found["theirs"]), 4), "seeds": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--shards", type=Path)
    parser.add_argument("--livedoor", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()
    steps, seeds = (8, [1]) if given.quick else (given.steps, [1, 2, 3])
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shards = given.shards or invent(folder / "tokens", VOCAB)
        losses: dict[str, list[float]] = {"ours": [], "theirs": []}
        tokens: dict[str, list[int]] = {"ours": [], "theirs": []}
        models: dict[str, Path] = {}
        for seed in seeds:
            for name, make in (("ours", our_encoder), ("theirs", their_encoder)):
                models[f"{name}-{seed}"], read = make(shards, folder, steps, seed)
                tokens[name].append(read)
                losses[name].append(held_out_loss(shards, models[f"{name}-{seed}"]))
        result["text"] = f"{'given' if given.shards else 'invented'}, {at_work(shards, 1).shards.num_tokens} tokens"
        result["heldout_mlm_loss"] = compare(losses)
        if given.livedoor:
            right = accuracies(models, given.livedoor, folder)
            scores = {name: [right[f"{name}-{seed}"] for seed in seeds] for name in losses}
            result["livedoor_accuracy"] = compare(scores)
    result |= {
        "tokens": tokens,
        "steps": steps,
        "shape": SHAPE.name,
        "peak_lr": PEAK_LR,
        "kernels": status().path,
        **machine(torch.device("cpu")),
    }
    if not given.quick:
        kept = Path(__file__).parent / "results" / "quality.json"
        kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
