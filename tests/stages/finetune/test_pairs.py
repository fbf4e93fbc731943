"""Pairs of texts, shown to a small encoder that never met one."""

import json
import random

import pytest
import torch

from mamebert.checkpoints.save import save_pretraining
from mamebert.config import build
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.serving.load import load
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tokenizer.encoding import Tokenizer

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}


@pytest.fixture(scope="module")
def modern(world, tmp_path_factory):
    """Return a ModernBERT with random weights."""
    folder = tmp_path_factory.mktemp("modern") / "model"
    torch.manual_seed(0)
    shape = build(EncoderConfig, {"preset": "modernbert", "local_attention": 16, **SHAPE})
    network = PretrainingNetwork(shape, Tokenizer.open(world / "vocab" / "tokenizer").vocab_size)
    save_pretraining(network, world / "vocab" / "tokenizer", folder)
    return folder


@pytest.fixture
def rows(world, tmp_path):
    """Return pairs that are the same text twice, or two others."""
    texts = [json.loads(line)["text"] for line in (world / "rows.jsonl").read_text().splitlines()]
    rng, made = random.Random(0), []
    for number, text in enumerate(texts):
        other = text if number % 2 else rng.choice(texts)
        made.append(json.dumps({"text": text, "second": other, "label": "same" if number % 2 else "other"}) + "\n")
    (tmp_path / "rows.jsonl").write_text("".join(made), encoding="utf-8")
    return tmp_path / "rows.jsonl"


@pytest.mark.parametrize("tokens", [None, "asked"])
def test_what_was_decided_is_what_is_saved(modern, rows, tmp_path, tokens, unproved, monkeypatch):
    settings = {
        "model": modern,
        "source": rows,
        "split": {"train": 0.5, "valid": 0.2},
        "task": {"second_columns": ["second"], "max_length": 64},
        "training": {"epochs": 2, "precision": "float32"},
        "seeds": [1],
        "reading": {"tokens": tokens},
        "output": tmp_path / "run",
    }
    run = finetune(build(FinetuneConfig, settings))
    (model,) = run.results["models"]
    (folder,) = (run.folder / "models").iterdir()
    config = json.loads((folder / "config.json").read_text())
    kept = [json.loads(line) for line in next((run.folder / "answers").iterdir()).read_text().splitlines()]
    assert model["decided"].get("reading.tokens") == (None if tokens else "pair")
    assert config["mamebert"]["reading"]["tokens"] == (tokens or "pair")
    assert config["architectures"] == ["ModernBertForSequenceClassification" if tokens else "ModernBertModel"]
    every = [json.loads(line) for line in rows.read_text().splitlines()]
    texts = [(every[row["row"]]["text"], every[row["row"]]["second"]) for row in kept]
    for found, row in zip(load(folder)(texts), kept, strict=True):
        assert found["label"] == row["label"]
        assert found["probability"] == pytest.approx(row["probability"], abs=1e-4)
