"""Short seeded runs against stored losses: a change of the arithmetic is seen here before anybody waits hours for it.

Made in float32; another processor adds in another order, hence the tolerance. The native kernels and torch draw other
dropout masks, so each path has losses of its own. To store them anew after a change that
is meant: run the tests with MAMEBERT_STORE_GOLDEN=1 and look at the difference before committing it.
"""

import json
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from mamebert.config import build
from mamebert.corpus.token_shards import shard_path, write_manifest, write_token_shard
from mamebert.kernels import status, torch_only
from mamebert.objectives import Objective
from mamebert.runs import Run
from mamebert.stages.finetune import finetune, fitting
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.stages.pretrain import pretrain
from mamebert.stages.pretrain.settings import PretrainConfig

STORED = Path(__file__).with_name("losses.json")
CLOSE = {"rel": 2e-3, "abs": 2e-3}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["an", "bean", "the", "leaf", "sees", "a", "root", "of", "green", "old", "rain", "holds", "."]


@pytest.fixture(scope="module")
def shards(tmp_path_factory, world):
    """Token shards by rule: nothing in them depends on another stage or library. Only the tokenizer is borrowed."""
    folder = tmp_path_factory.mktemp("golden") / "tokens"
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir(parents=True)
    for file in (world / "tokens" / "tokenizer").iterdir():
        (tokenizer / file.name).write_bytes(file.read_bytes())
    for part, first in (("train", 0), ("heldout", 60)):
        documents = [
            [
                ([5 + (d * 7 + s * 3 + w * w) % 60 for w in range(4 + (d + s) % 9)], [True] * (4 + (d + s) % 9))
                for s in range(2 + d % 6)
            ]
            for d in range(first, first + (60 if part == "train" else 8))
        ]
        write_token_shard(shard_path(folder, part, 0), documents, 80)
    write_manifest(folder, 80)
    (folder / "run.json").write_text('{"id": "golden", "command": "tokenize", "settings": {}, "sources": []}')
    return folder


def compare(name, found):
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {}
    if os.environ.get("MAMEBERT_STORE_GOLDEN"):
        stored = {**stored, name: found}
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    assert found == pytest.approx(stored[name], **CLOSE)


@pytest.fixture(params=["native", "torch"], autouse=True)
def path(request):
    if request.param == "native" and status().path == "torch":
        pytest.skip(f"no native kernels here: {status().reason}")
    with torch_only() if request.param == "torch" else nullcontext():
        yield request.param


@pytest.fixture
def encoder(shards, tmp_path, unproved, tiny, asking):
    def made(objective, **shape):
        # With BERT's numbers, and dropout, whatever a small encoder would begin with.
        as_bert = {"initializer_range": 0.02, "hidden_dropout_prob": 0.0 if "preset" in shape else 0.1}
        asks = {"mask_rate": 0.15} if Objective.find(objective).asks_small_for_more else {}
        settings = {
            **tiny,
            "encoder": {**tiny["encoder"], **as_bert, **shape},
            "positions": {"init": "normal"},
            "shards": str(shards),
            "output": str(tmp_path / objective),
            "objective": {**asking(objective), **asks},
            "training": {"steps": 12, "batch_tokens": 256, "peak_lr": 5e-3, "precision": "float32"},
        }
        return pretrain(build(PretrainConfig, settings)).folder

    return made


@pytest.mark.parametrize("objective", Objective.names())
def test_pretraining_losses(encoder, objective, path):
    run = Run.open(encoder(objective))
    compare(f"{objective}, {path}", [m["loss"] for m in run.metrics() if "loss" in m])
    held_out = [m["heldout_mlm_loss"] for m in run.metrics() if "heldout_mlm_loss" in m]
    compare(f"{objective}, {path}, held out", held_out)


def test_pretraining_losses_of_a_modernbert(encoder, path):
    run = Run.open(encoder("masked_lm", preset="modernbert", num_hidden_layers=3, local_attention=8))
    compare(f"modernbert, {path}", [m["loss"] for m in run.metrics() if "loss" in m])


def test_finetuning_losses(encoder, tmp_path, monkeypatch, path):
    rows = [
        {"text": f"{WORDS[i % 13]} {WORDS[(i * 5) % 13]} " * (1 + i % 4), "label": "ab"[i % 13 % 2]} for i in range(60)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    losses, train = [], fitting.train
    monkeypatch.setattr(fitting, "train", lambda *w, **n: (losses.append(step.loss) or step for step in train(*w, **n)))
    settings = {
        "model": str(encoder("masked_lm")),
        "source": str(tmp_path / "rows.jsonl"),
        "output": str(tmp_path / "tuned"),
        "split": {"train": 0.5, "valid": 0.2},
        "task": {"max_length": 16, "chunks": 1},
        "training": {
            "epochs": 3,
            "batch_tokens": 64,
            "peak_lr": 3e-3,
            "precision": "float32",
            "warmup_rate": 0.06,
        },
        "seeds": [1],
        "baselines": "none",
    }
    finetune(build(FinetuneConfig, settings))
    compare(f"finetune, {path}", losses)
