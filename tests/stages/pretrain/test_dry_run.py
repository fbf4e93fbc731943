import json
import subprocess
import sys

import pytest

from mamebert.config import build
from mamebert.runs import Run
from mamebert.stages.pretrain import estimate, pretrain
from mamebert.stages.pretrain.settings import PretrainConfig

CHILD = """
import json, sys
import torch
torch.set_num_threads(1)
from mamebert.config import build
from mamebert.stages.pretrain import pretraining
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain import estimate, pretrain
pretraining.verify = lambda folders: {str(folder): 0.0 for folder in folders}
config = build(PretrainConfig, json.loads(sys.argv[2]))
found = estimate(config) if sys.argv[1] == "estimate" else pretrain(config).results
print(json.dumps(found))
"""


@pytest.fixture
def settings(world, tiny, tmp_path):
    return {**tiny, "shards": str(world / "tokens"), "output": str(tmp_path / "encoder")}


def config(settings, **changes):
    return build(PretrainConfig, {**settings, **changes})


def in_a_process_of_its_own(what, settings):
    words = [sys.executable, "-c", CHILD, what, json.dumps(settings)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_an_estimate_says_what_it_takes_and_writes_nothing(settings, encoders, tmp_path):
    epochs = {"epochs": 2, "batch_tokens": 8192, "precision": "float32"}
    found = estimate(config(settings, training=epochs))
    assert found["parameters"] == Run.open(encoders("N")).results["parameters"]
    assert found["seconds_in_all"] > 0
    assert found["tokens_per_second"] > 100
    assert 0 < found["mfu"] < 1
    assert found["steps"] == 2 * -(-found["tokens_per_epoch"] // 8192)
    assert list(tmp_path.iterdir()) == []


def test_one_step_can_be_estimated(settings):
    assert estimate(config(settings, training={"steps": 1, "batch_tokens": 256}))["seconds_per_epoch"] > 0


def test_a_ramp_is_not_taken_for_the_speed_of_all_steps(settings):
    training = {"steps": 12, "batch_tokens": 2048, "batch_ramp": 10_000}
    slow, fast = (estimate(config(settings, training=t)) for t in (training, {**training, "batch_ramp": 0}))
    assert slow["steps"] == fast["steps"]
    told, steady = (each["seconds_in_all"] * each["tokens_per_second"] for each in (slow, fast))
    assert told < 0.9 * steady  # fewer tokens are read
    assert slow["peak_memory_bytes"] > 0.7 * fast["peak_memory_bytes"]


def test_the_estimate_of_the_disk_is_what_lies_there(settings, unproved):
    settings |= {"keep_models": 3, "heldout_tokens": 200}
    found = estimate(config(settings))["disk_bytes"]
    folder = pretrain(config(settings)).folder
    bytes_of = lambda inside: sum(p.stat().st_size for p in (folder / inside).rglob("*") if p.is_file())  # noqa: E731
    assert found["model"] == pytest.approx(bytes_of("model"), rel=0.15)  # its card and config are not in it
    assert found["kept_models"] == pytest.approx(bytes_of("kept"), rel=0.15)
    assert found["metrics"] == pytest.approx((folder / "metrics.jsonl").stat().st_size, rel=0.25)
    assert found["in_all"] == sum(size for name, size in found.items() if name != "in_all")


def test_the_estimate_of_snapshots_covers_what_was_ever_there(settings, unproved, monkeypatch):
    from mamebert.stages.pretrain.pretraining import Pretraining

    seen = []
    monkeypatch.setattr(
        Pretraining,
        "drop_snapshots",
        lambda self: seen.append(sum(p.stat().st_size for p in (self.run.folder / "snapshots").glob("*"))),
    )
    settings |= {"snapshot_seconds": 0}
    pretrain(config(settings))
    assert 0 < seen[0] <= 1.1 * estimate(config(settings))["disk_bytes"]["snapshots"] < 4 * seen[0]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["masked_lm", "masked_lm_nsp"])
def test_the_memory_foreseen_is_within_15_percent_of_what_is_seen(settings, kind):
    settings |= {
        "encoder": {"hidden_size": 512, "num_hidden_layers": 4, "max_position_embeddings": 64},
        "objective": {"kind": kind, "max_length": 64},
        "training": {"steps": 24, "batch_tokens": 512, "precision": "float32"},
        "snapshot_seconds": 1,
        "evaluate_every": 12,
    }
    foreseen = in_a_process_of_its_own("estimate", settings)["peak_memory_bytes"]
    seen = in_a_process_of_its_own("pretrain", settings)["peak_memory_bytes"]
    assert seen > 500e6
    assert foreseen == pytest.approx(seen, rel=0.15), f"{foreseen / 1e6:.0f} MB foreseen, {seen / 1e6:.0f} MB seen"
