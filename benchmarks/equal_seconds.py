"""What the same seconds give: held-out bits per character of ours and of the Trainer with BertForMaskedLM.

    python benchmarks/equal_seconds.py --shards RUN          three quarters of an hour of a core
    python benchmarks/equal_seconds.py --quick               invented tokens: under a minute

RUN is the output of `mamebert tokenize`. One shape, one text, as many processor seconds for both; ours are what
`mamebert pretrain` decides by itself, theirs BERT's own settings with the best of three rates, which is found with the
first seed and costs them nothing. Both rates fall to 0 at the end of their seconds. Then the same held-out tokens, one
in seven masked as BERT masks, are asked of both. Ends with one JSON line; the full run keeps it in benchmarks/results/.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from _clock import Clock, machine
from _ours import Ours, Shape
from _text import invent
from _trainer import Trained, bert, sequences

from mamebert.checkpoints.load import load_pretraining
from mamebert.kernels import status
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps

SHAPE, VOCAB, BATCH_TOKENS, RATES, CALIBRATION = Shape(256, 4), 8_000, 2048, (2e-4, 5e-4, 1e-3), 8
PLACE = torch.device("cpu")


def ours(shards: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Pretrain as `mamebert pretrain` would for so many seconds; return what was read and what came out."""
    trial = Ours(SHAPE, shards, BATCH_TOKENS, as_decided=True)
    trial.take(CALIBRATION)
    steps = max(4, round(seconds * CALIBRATION / trial.take(CALIBRATION).seconds))
    side = Ours(SHAPE, shards, BATCH_TOKENS, seed=seed, as_decided=True, steps=steps)
    taken = side.take(steps)
    return {"steps": steps, "tokens": taken.tokens, "seconds": taken.seconds, **judged(shards, side.work.network)}


def theirs(shards: Path, seconds: float, seed: int, folder: Path, peak_lr: float) -> dict[str, Any]:
    """Let the Trainer pretrain BertForMaskedLM for so many seconds on our sequences."""
    work = Ours(SHAPE, shards, BATCH_TOKENS, seed=seed).work
    rows = sequences(work)
    mean_length = sum(map(len, rows["input_ids"])) / len(rows)

    def trained(**more: Any) -> Trained:
        transformers.set_seed(seed)
        return Trained(
            bert(SHAPE, work.shards.vocab_size),
            rows,
            work.shards.tokenizer_folder,
            folder / "trainer",
            round(BATCH_TOKENS / mean_length),
            learning_rate=peak_lr,
            weight_decay=0.01,
            max_grad_norm=1.0,
            seed=seed,
            use_cpu=True,
            **more,
        )

    first, *rounds = trained().rounds(CALIBRATION // 2, iter([True, True, False]).__next__)
    del first  # warms up
    steps = max(4, round(seconds * CALIBRATION / 2 / mean(each.seconds for each in rounds)))
    side = trained(max_steps=steps, lr_scheduler_type="linear", warmup_steps=steps // 10)
    clock = Clock(PLACE)
    side.trainer.train()
    used, _ = clock.read()
    place = folder / f"theirs-{seed}"
    side.trainer.model.save_pretrained(place)
    return {"steps": steps, "tokens": side.real, "seconds": used, **judged(shards, load_pretraining(place))}


def judged(shards: Path, network: Any) -> dict[str, float]:
    """Return held-out bits per character and loss in nats; every network is asked for the same tokens."""
    settings = {
        "shards": shards,
        "output": shards / "nothing is written",
        "encoder": SHAPE.settings(),
        "objective": {"kind": "masked_lm", "max_length": SHAPE.length, "mask_rate": 0.15},
        "training": {"steps": 1, "batch_tokens": BATCH_TOKENS},
    }
    judge = PretrainingSteps(PretrainConfig.model_validate(settings))
    judge.network = judge.learner.network = network
    found = judge.measure()
    return {name: found[f"heldout_{name}"] for name in ("bits_per_character", "mlm_loss")}


def spread(found: list[dict[str, Any]]) -> dict[str, float]:
    """Return mean and deviation of the bits per character over the seeds."""
    values = [each["bits_per_character"] for each in found]
    return {"mean": round(mean(values), 4), **({"deviation": round(stdev(values), 4)} if values[1:] else {})}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--shards", type=Path)
    parser.add_argument("--seconds", type=float, default=240)
    given = parser.parse_args()
    seconds, seeds, rates = (4, [1], RATES[1:2]) if given.quick else (given.seconds, [1, 2, 3], RATES)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shards = given.shards or invent(folder / "tokens", VOCAB)
        tried = {rate: theirs(shards, seconds, seeds[0], folder, rate) for rate in rates}
        best = min(tried, key=lambda rate: tried[rate]["bits_per_character"])
        found = {
            "ours": [ours(shards, seconds, seed) for seed in seeds],
            "theirs": [tried[best], *(theirs(shards, seconds, seed, folder, best) for seed in seeds[1:])],
        }
    both = {name: spread(each) for name, each in found.items()}
    result = {
        "bits_per_character": both,
        "lower_by": round(1 - both["ours"]["mean"] / both["theirs"]["mean"], 4),
        "seconds": seconds,
        "shape": SHAPE.name,
        "their_rate": best,
        "their_rates": {str(rate): each["bits_per_character"] for rate, each in tried.items()},
        "runs": found,
        "text": "given" if given.shards else "invented",
        "kernels": status().path,
        **machine(PLACE),
    }
    if not given.quick:
        kept = Path(__file__).parent / "results" / "equal_seconds.json"
        kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
