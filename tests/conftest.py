"""A small invented world for tests: text, tokenizer, token shards and an encoder, made once by our own stages."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

WORLDS = {
    "garden": ["bean", "leaf", "root", "seed", "rain", "spade", "flower", "earth"],
    "harbour": ["boat", "rope", "tide", "sail", "anchor", "net", "gull", "pier"],
    "kitchen": ["pot", "flame", "salt", "bread", "spoon", "oven", "dough", "plate"],
}


def invent_text(num_documents: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return (world, document) pairs: a document's nouns come from its world, so both words and labels can be learnt."""
    rng = random.Random(seed)
    made = []
    for _ in range(num_documents):
        world = rng.choice(list(WORLDS))
        sentences = [
            f"The {rng.choice(['old', 'small', 'wet', 'bright'])} {a} {rng.choice(['holds', 'meets', 'leaves'])} the {b}."
            for a, b in (rng.sample(WORLDS[world], 2) for _ in range(rng.randint(2, 8)))
        ]
        made.append((world, " ".join(sentences)))
    return made


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with finished runs `clean`, `vocab`, `tokens`, `vectors` and the labelled file rows.jsonl."""
    from mamebert.config import build
    from mamebert.stages import find

    folder = tmp_path_factory.mktemp("world")
    pairs = invent_text(300)
    (folder / "text.txt").write_text("\n\n".join(text for _, text in pairs), encoding="utf-8")
    rows = [f'{{"text": "{text}", "label": "{world}"}}\n' for world, text in invent_text(120, seed=1)]
    (folder / "rows.jsonl").write_text("".join(rows), encoding="utf-8")
    for command, name, settings in (
        ("clean", "clean", {"sources": str(folder / "text.txt"), "processes": 1}),
        (
            "vocab",
            "vocab",
            {"corpus": folder / "clean", "vocabulary": {"size": 80, "min_frequency": 1}, "processes": 1},
        ),
        (
            "tokenize",
            "tokens",
            {"corpus": folder / "clean", "tokenizer": folder / "vocab", "heldout_rate": 0.1, "processes": 1},
        ),
        ("vectors", "vectors", {"shards": folder / "tokens", "cbow": {"vector_size": 32, "epochs": 2, "processes": 1}}),
    ):
        kind, work = find(command)
        work(build(kind, {"output": folder / name, **settings}))
    return folder


@pytest.fixture(scope="session")
def tiny() -> dict[str, object]:
    """Return pretraining settings that take about a second."""
    return {
        "encoder": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64},
        "objective": {"max_length": 32},
        "training": {"steps": 12, "batch_tokens": 256, "precision": "float32"},
        "evaluate_every": 5,
        "record_every": 1,
    }


@pytest.fixture(scope="session")
def encoders(world: Path, tiny: dict[str, object]) -> Callable[[str], Path]:
    """Return a function giving the run folder of a pretrained encoder, "N" or "W", made when first asked for."""
    from mamebert.config import build
    from mamebert.stages.pretrain import PretrainConfig, pretrain

    def made(name: str) -> Path:
        embeddings = {"vectors": world / "vectors"} if name == "W" else {}
        settings = {
            **tiny,
            "shards": world / "tokens",
            "output": world / f"encoder-{name}",
            "embeddings": embeddings,
            "keep_models": 2,
        }
        return pretrain(build(PretrainConfig, settings)).folder

    return made
