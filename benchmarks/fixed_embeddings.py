"""What fixing the token embeddings saves: the same steps with a learnt (N) and a fixed table (W), taken in turn.

    python benchmarks/fixed_embeddings.py            the paper's two shapes and two small ones, some minutes
    python benchmarks/fixed_embeddings.py --quick    the smallest shape, under 50 seconds

Ends with one JSON line and writes it to benchmarks/results/. Times are processor seconds (wall seconds on a GPU),
so other work on the machine matters little; each figure is the median over the rounds.
"""

import argparse
import json
import os
import platform
from pathlib import Path
from statistics import median
from time import process_time

# Threads that wait by spinning would be counted as work. Read when torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from mamebert.encoder.fixed_embeddings import TokenEmbeddings, count_parameters, freeze, put_in
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.training.devices import pick_device, pick_precision
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training

VOCAB, LENGTH, BATCH_TOKENS = 32_000, 128, 4096
SHAPES = {"H256-L4": (256, 4), "H128-L24": (128, 24), "H1024-L4": (1024, 4), "H128-L2": (128, 2)}
PAPER = {"H128-L24": 0.004, "H1024-L4": 0.025}  # 4 of 1009 minutes, 27 of 1085 (Suganami and Shinnou, 2022, Table 2)


class Pretrainer:
    """One network that takes steps on random tokens: the time of a step does not depend on what is learnt."""

    def __init__(self, shape: tuple[int, int], fixed: bool, device: torch.device) -> None:
        config = EncoderConfig(hidden_size=shape[0], num_hidden_layers=shape[1], max_position_embeddings=LENGTH)
        self.network, self.device = PretrainingNetwork(config, VOCAB), device
        if fixed:
            put_in(self.network, torch.randn(VOCAB, shape[0]) * 0.02)
            freeze(self.network, TokenEmbeddings(vectors="random"), torch.ones(VOCAB, dtype=torch.bool))
        self.network.to(device).train()
        self.network.bert.compute_dtype = pick_precision("auto", device)
        self.optimizer = make_optimizer(self.network, Training(steps=1))

    def step_seconds(self, seed: int) -> float:
        """Return the processor seconds of one optimizer step."""
        rng = np.random.default_rng(seed)
        batch = Packed.of([rng.integers(5, VOCAB, LENGTH) for _ in range(BATCH_TOKENS // LENGTH)]).to(self.device)
        chosen = torch.from_numpy(rng.permutation(BATCH_TOKENS)[: int(0.15 * BATCH_TOKENS)]).to(self.device)
        began = process_time()
        hidden = self.network.bert(batch)
        self.network.cls.predictions.loss(hidden[chosen], batch.ids[chosen]).backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return process_time() - began


def measure(name: str, rounds: int, device: torch.device) -> dict[str, float | None]:
    """Return median step times of N and W and the share that W saves."""
    learnt, fixed = (Pretrainer(SHAPES[name], kind, device) for kind in (False, True))
    times: dict[str, list[float]] = {"N": [], "W": []}
    for number in range(rounds + 1):
        pair = {"N": learnt.step_seconds(number), "W": fixed.step_seconds(number)}
        if number:  # the first round warms up
            for kind, seconds in pair.items():
                times[kind].append(seconds)
    found = {kind: median(values) for kind, values in times.items()}
    return {
        "N_step_seconds": round(found["N"], 4),
        "W_step_seconds": round(found["W"], 4),
        "saving": round(1 - found["W"] / found["N"], 4),
        "saving_in_the_paper": PAPER.get(name),
        "trainable_share_W": round(
            count_parameters(fixed.network)["trainable"] / count_parameters(learnt.network)["trainable"], 3
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    device = pick_device("auto")
    result = {
        "shapes": {name: measure(name, 5, device) for name in (["H128-L2"] if quick else SHAPES)},
        "batch_tokens": BATCH_TOKENS,
        "length": LENGTH,
        "vocabulary": VOCAB,
        "precision": str(pick_precision("auto", device)),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
    }
    if not quick:
        place = Path(__file__).parent / "results" / "fixed_embeddings.json"
        place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
