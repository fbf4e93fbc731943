import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, *words):
    command = [sys.executable, str(EXAMPLES / name), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def classifier(world, encoders):
    from mamebert.config import build
    from mamebert.stages.finetune import finetune
    from mamebert.stages.finetune.settings import FinetuneConfig

    settings = {
        "model": encoders("W"),
        "source": str(world / "rows.jsonl"),
        "training": {"epochs": 2, "batch_tokens": 512, "precision": "float32"},
        "task": {"max_length": 32},
        "seeds": [1],
        "output": world / "examples-classifier",
    }
    return finetune(build(FinetuneConfig, settings)).folder


def test_fill_mask(encoders):
    assert len(eval(run("01_fill_mask.py", encoders("W")))) == 5


def test_predict_and_plain_transformers_agree(classifier):
    first = eval(run("02_predict.py", classifier))[0]
    assert first["label"] in {"garden", "harbour", "kitchen"}
    assert run("03_plain_transformers.py", classifier / "models" / "model").strip() == first["label"]


def test_stages_from_python(world, tmp_path):
    assert "encoder" in run("04_stages_from_python.py", world / "text.txt", tmp_path)


def test_sentence_vectors(encoders, tmp_path):
    from mamebert.encoder.readings import Reading
    from mamebert.tasks.data.features import TaskState
    from mamebert.tasks.network.task_network import save_network, start_network
    from mamebert.tasks.sentence_embeddings import SentenceEmbeddings

    task, start = SentenceEmbeddings(max_length=64), encoders("W") / "model"
    network = start_network(task, start, TaskState(), Reading())
    save_network(network, task, TaskState(), Reading(), start, tmp_path / "saved")
    nearest, cosine = run("05_sentence_vectors.py", tmp_path / "saved", "The old pot.", "A gull.", "The pot.").split(
        "\n", 1
    )
    assert nearest in ("A gull.", "The pot.")
    assert -1 <= float(cosine) < 1


def test_examples_are_short():
    assert all(len(path.read_text().splitlines()) < 60 for path in EXAMPLES.glob("*.py"))


def test_compress(classifier, tmp_path):
    said = run("06_compress.py", classifier, tmp_path / "small")
    before, _, after, *_ = said.split()
    assert int(after) < int(before)


def test_zero_shot_similarity(encoders, tmp_path):
    rows = [("The old pot.", "The old pot.", 5), ("The old pot.", "A gull.", 1), ("A gull.", "The old bean.", 0)]
    lines = [json.dumps(dict(zip(("text", "second", "label"), row, strict=True))) + "\n" for row in rows]
    (tmp_path / "pairs.jsonl").write_text("".join(lines))
    measure, score = run(
        "07_zero_shot_similarity.py", encoders("N"), tmp_path / "pairs.jsonl", tmp_path / "scores"
    ).split()
    assert measure == "spearman"
    assert float(score) > 0
