"""A disk that fills up: one sentence, nothing half-written under a final name, and the same command goes on."""

import errno
import os
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def smallest(world, encoders, classifiers):
    """Return the quickest settings of each command."""
    return {
        "clean": {"sources": str(world / "text.txt"), "processes": 1},
        "select": {"corpus": str(world / "clean"), "source": str(world / "rows.jsonl"), "processes": 1},
        "vocab": {"corpus": str(world / "clean"), "vocabulary.size": 80, "vocabulary.min_frequency": 1, "processes": 1},
        "tokenize": {"corpus": str(world / "clean"), "tokenizer": str(world / "vocab"), "processes": 1},
        "vectors": {"shards": str(world / "tokens"), "cbow.vector_size": 32, "cbow.processes": 1},
        "pretrain": {
            "shards": str(world / "tokens"),
            "encoder.hidden_size": 32,
            "encoder.num_hidden_layers": 1,
            "objective.max_length": 32,
            "training": "{steps = 2, batch_tokens = 256, precision = 'float32'}",
        },
        "finetune": {
            "model": str(encoders("N")),
            "source": str(world / "rows.jsonl"),
            "task.max_length": 32,
            "training.epochs": 1,
            "seeds": [1],
            "baselines": "none",
        },
        "compress": {
            "model": str(classifiers / "models" / "N"),
            "method.kind": "dynamic_int8",
            "measure_seconds": 0,
        },
        "report": {"runs": [str(world / "clean")]},
    }


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_rust(*_, **__):
    from safetensors import SafetensorError

    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize(
    ("command", "owner", "name", "failure"),
    [
        ("clean", pq, "write_table", full),
        ("vocab", os, "fsync", full),
        ("tokenize", pa, "OSFile", full),
        ("pretrain", "safetensors.torch", "save_file", full_in_rust),
        ("finetune", "safetensors.torch", "save_file", full_in_rust),
        ("compress", "torch.onnx", "export", full),
        ("report", os, "fsync", full),
    ],
)
def test_a_full_disk_loses_nothing(mamebert, smallest, tmp_path, unproved, monkeypatch, command, owner, name, failure):
    settings = smallest[command]
    words = {"output": str(tmp_path / "out"), **settings}
    with monkeypatch.context() as patch:
        patch.setattr(
            owner if not isinstance(owner, str) else f"{owner}.{name}",
            *([] if isinstance(owner, str) else [name]),
            failure,
        )
        told = mamebert(command, words).mistake
    assert "The disk is full, writing " in told
    assert "start the same command again: it goes on" in told
    assert not (tmp_path / "out").exists()
    code, _, err = mamebert(command, words)
    assert code == 0, err
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert not list((tmp_path / "out").rglob("*.partial"))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 kB, where this machine lets us have one."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if (
        os.name != "posix"
        or not shutil.which("mount")
        or subprocess.run(words, capture_output=True, check=False).returncode
    ):
        pytest.skip("only root can make a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("command", ["clean", "vocab", "tokenize", "vectors", "pretrain", "finetune", "report"])
def test_a_disk_that_is_really_full(mamebert, smallest, small_disk, unproved, monkeypatch, command):
    settings = smallest[command]
    for stage in ("clean", "tokenize", "pretrain.pretraining"):
        monkeypatch.setattr(f"mamebert.stages.{stage}.need_space", lambda *_: None)
    monkeypatch.setattr("mamebert.word2vec.cbow.need_space", lambda *_: None)
    words = {"output": str(small_disk / "out"), **settings}
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * ((252 if command in ("clean", "vocab") else 236) << 10))
    assert "The disk is full, writing " in mamebert(command, words).mistake
    ballast.unlink()
    if command != "pretrain":  # three snapshots and a model do not fit even when it is empty
        code, _, err = mamebert(command, words)
        assert code == 0, err
