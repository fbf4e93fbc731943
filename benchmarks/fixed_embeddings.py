"""What fixing the token embeddings saves: the same steps with a learnt (N) and a fixed table (W), taken in turn.

    python benchmarks/fixed_embeddings.py            the paper's two shapes and two small ones, some minutes
    python benchmarks/fixed_embeddings.py --quick    the smallest shape, under 50 seconds

Ends with one JSON line; the full run keeps it in benchmarks/results/. Seconds are those of the processor itself over
its threads (wall seconds on a GPU), so other work on the machine matters little; each figure is the median over the
rounds.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

# Threads that wait by spinning would be counted as work. Read when torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

from _clock import machine
from _ours import Ours, Shape, alternate
from _text import invent, invent_vectors

from mamebert.encoder.fixed_embeddings import count_parameters
from mamebert.kernels import status
from mamebert.training.devices import pick_device, pick_precision

VOCAB, BATCH_TOKENS = 32_000, 4096
SHAPES = (Shape(256, 4), Shape(128, 24), Shape(1024, 4), Shape(128, 2))
# 4 of 1009 minutes, 27 of 1085 (Suganami and Shinnou, 2022, Table 2).
PAPER = {Shape(128, 24): 0.004, Shape(1024, 4): 0.025}


def measure(shape: Shape, shards: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Return median seconds of a step of N, of W and of W with a table in half the memory, and the share W saves."""
    vectors = invent_vectors(shards, shape.width, folder / shape.name)
    sides = {
        "N": Ours(shape, shards, BATCH_TOKENS),
        "W": Ours(shape, shards, BATCH_TOKENS, vectors=vectors),
        "W_bfloat16": Ours(shape, shards, BATCH_TOKENS, vectors=vectors, storage="bfloat16"),
    }
    found = alternate(sides, rounds)
    sizes = {name: count_parameters(ours.work.network)["trainable"] for name, ours in sides.items()}
    saved = {
        name: 1 - median(n.rate / w.rate for n, w in zip(found["N"], found[name], strict=True))
        for name in ("W", "W_bfloat16")
    }
    return {
        **{f"{name}_step_seconds": round(BATCH_TOKENS / median(r.rate for r in found[name]), 4) for name in sides},
        "saving": round(saved["W"], 4),
        "saving_bfloat16_table": round(saved["W_bfloat16"], 4),
        "saving_in_the_paper": PAPER.get(shape),
        "trainable_share_W": round(sizes["W"] / sizes["N"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    device = pick_device("auto")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shards = invent(folder / "tokens", VOCAB)
        shapes = {shape.name: measure(shape, shards, folder, rounds=3) for shape in (SHAPES[-1:] if quick else SHAPES)}
    result = {
        "shapes": shapes,
        "batch_tokens": BATCH_TOKENS,
        "length": Shape.length,
        "vocabulary": VOCAB,
        "precision": str(pick_precision("auto", device)).removeprefix("torch."),
        "kernels": status().path,
        **machine(device),
    }
    if not quick:
        place = Path(__file__).parent / "results" / "fixed_embeddings.json"
        place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
