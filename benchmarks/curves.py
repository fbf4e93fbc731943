"""The first 200 losses of ours and of plain `transformers`: same weights, text and masks, so the same curve.

    python benchmarks/curves.py                  invented tokens
    python benchmarks/curves.py --shards RUN     the output of `mamebert tokenize`
    python benchmarks/curves.py --quick          20 steps, under 50 seconds

Ours takes the steps of `mamebert pretrain`; theirs are a plain loop of BertForMaskedLM and torch's AdamW with the rate
of ours. No dropout: the two would draw other numbers. Ends with one JSON line; the full run keeps it in
benchmarks/results/, and plot.py draws it.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from _clock import machine
from _ours import Ours, Shape
from _text import invent
from torch.nn.utils.rnn import pad_sequence

from mamebert.checkpoints.save import save_pretraining
from mamebert.corpus.token_shards import TokenShards
from mamebert.kernels import status
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.training.settings import Training

SHAPE, VOCAB, STEPS, BATCH_TOKENS = Shape(128, 2), 8_000, 200, 2048
WITHOUT_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


class Theirs:
    """BertForMaskedLM in a loop."""

    def __init__(self, folder: Path, settings: Training) -> None:
        transformers.logging.set_verbosity_error()
        self.model = transformers.BertForMaskedLM.from_pretrained(folder).train()
        self.clip_norm = settings.clip_norm
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
            betas=(settings.beta_1, settings.beta_2),
            eps=settings.epsilon,
        )

    def step(self, batch: PretrainingBatch, lr: float) -> float:
        """Return the loss of a batch and learn from it."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        loss = self.model(**padded(batch)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach())


def padded(batch: PretrainingBatch) -> dict[str, torch.Tensor]:
    """Return a packed batch as `transformers` takes it."""
    labels = torch.full_like(batch.packed.ids, -100).index_copy_(0, batch.chosen, batch.targets)
    ones = torch.ones_like(labels)
    named = {"input_ids": (batch.packed.ids, 0), "attention_mask": (ones, 0), "labels": (labels, -100)}
    return {
        name: pad_sequence(values.split(batch.packed.lengths), batch_first=True, padding_value=padding)
        for name, (values, padding) in named.items()
    }


def both(shards: Path, folder: Path, steps: int) -> Iterator[tuple[float, float]]:
    """Yield the losses of each step, ours and theirs."""
    ours = Ours(SHAPE, shards, BATCH_TOKENS, encoder=WITHOUT_DROPOUT, steps=steps, precision="float32")
    save_pretraining(ours.work.network, ours.work.shards.tokenizer_folder, folder / "start")
    theirs = Theirs(folder / "start", ours.work.training)
    for step, batch in ours.work:
        yield step.loss, theirs.step(batch, step.lr)
        if step.number == steps:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--shards", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shards = given.shards or invent(folder / "tokens", VOCAB)
        losses = list(both(shards, folder, 20 if given.quick else STEPS))
        tokens = TokenShards.open(shards, check=False).num_tokens
    result = {
        "largest_relative_difference": max(abs(a / b - 1) for a, b in losses),
        "steps": len(losses),
        "first": losses[0],
        "last": losses[-1],
        "text": f"{'given' if given.shards else 'invented'}, {tokens} tokens",
        "shape": SHAPE.name,
        "batch_tokens": BATCH_TOKENS,
        "kernels": status().path,
        **machine(torch.device("cpu")),
    }
    if not given.quick:
        kept = Path(__file__).parent / "results" / "curves.json"
        curves = {name: [round(pair[k], 6) for pair in losses] for k, name in enumerate(("ours", "theirs"))}
        kept.write_text(json.dumps({**result, **curves}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
