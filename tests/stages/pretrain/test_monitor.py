import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.evaluation.cost.peak_flops import Peak
from mamebert.progress import Meter
from mamebert.runs import Run
from mamebert.stages.pretrain import monitor, pretrain
from mamebert.stages.pretrain.monitor import Hardware, Throughput, TrainingMonitor
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.training.loop import Step

HERE = Hardware(torch.device("cpu"), torch.float32, 1)


@pytest.fixture
def settings(world, tiny, tmp_path):
    return {**tiny, "shards": str(world / "tokens"), "output": str(tmp_path / "encoder"), "tensorboard": True}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run.partial"
    folder.mkdir()
    return Run(tmp_path / "run")


def step(number, loss=3.0):
    return Step(number, 1e-3, loss, {"mlm_loss": loss}, 1.0, "")


def texts(picture):
    return " ".join(ET.fromstring(picture).itertext())


def points(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return {name: [(each.step, each.value) for each in found.Scalars(name)] for name in found.Tags()["scalars"]}


def test_the_pace_is_that_of_the_last_half_minute():
    pace = Throughput()
    for _ in range(100):
        pace.add(seconds=1, tokens=10, flops=100)
    for _ in range(30):
        pace.add(seconds=1, tokens=40, flops=400)
    assert (pace.tokens_per_second, pace.flops_per_second) == (40, 400)


def test_progress_tells_loss_rate_tokens_and_mfu(run, capsys, monkeypatch):
    monkeypatch.setattr(monitor, "product_peak", lambda *place: Peak(2e9, "invented"))
    with TrainingMonitor(run, "H8-L1-N", 100, 0, HERE) as telling:
        telling.step(step(1), tokens=4096, flops=10**10, seconds=10.5)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("pretrain H8-L1-N: 1/100 steps")
    assert "loss 3.000  lr 1.0e-03  390 tokens/s  MFU 47.6" in line
    assert line.endswith("left")


def test_a_short_run_does_not_spend_its_time_on_measuring_the_machine(run, monkeypatch):
    monkeypatch.setattr(monitor, "product_peak", lambda *place: pytest.fail("measured"))
    with TrainingMonitor(run, "H8-L1-N", 100, 0, HERE) as telling:
        telling.step(step(1), tokens=4096, flops=10**10, seconds=5)


def test_the_picture_grows_while_the_training_runs(run, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(monitor, "monotonic", lambda: now[0])
    picture = run.folder / "loss.svg"
    with TrainingMonitor(run, "H8-L1-N", 100, 0, HERE) as telling:
        for number in (10, 20):
            telling.record(step=number, lr=1e-3, loss=9.0, mlm_loss=9.0 - number / 10)
        assert not picture.exists()  # not more often than every half minute
        now[0] += 31
        telling.record(step=20, heldout_mlm_loss=7.5)
        first = picture.read_text()
        telling.record(step=30, heldout_mlm_loss=6.5)
    assert "training 7.000" in texts(first)
    assert "<script>" in first  # a browser reads it again
    assert "held out 6.500" in texts(picture.read_text())
    assert "<script>" not in picture.read_text()


def test_a_resumed_run_draws_what_was_before_and_its_rate_is_that_of_now(run, capsys):
    run.record(step=10, loss=9.0, mlm_loss=9.0, lr=1e-3)
    with TrainingMonitor(run, "H8-L1-N", 1_000_000, 10, HERE) as telling:
        telling.step(step(11), tokens=10, flops=10, seconds=1.0)
        telling.record(step=11, loss=8.0, mlm_loss=8.0, lr=1e-3)
    assert "training 8.000" in texts((run.folder / "loss.svg").read_text())
    assert "  10 tokens/s" in capsys.readouterr().err


def test_a_finished_run_knows_what_it_cost(settings, unproved):
    finished = Run.open(pretrain(build(PretrainConfig, settings)).folder)
    results = finished.results
    assert 50e6 < results["peak_memory_bytes"] < 20e9
    assert results["flops"] > results["tokens"] * results["parameters"]["total"] / 10
    assert results["energy"]["kilowatt_hours"] == pytest.approx(
        results["energy"]["watts"] * results["training_seconds"] / 3.6e6, rel=0.05
    )
    assert results["mfu"] is None  # over in less than ten seconds
    assert all(line["tokens_per_second"] > 0 for line in finished.metrics() if "loss" in line)
    assert "energy of the training steps" in (finished.folder / "model" / "README.md").read_text()


def test_tensorboard_has_every_point_once_after_a_stop(settings, unproved, monkeypatch):
    settings = {**settings, "snapshot_seconds": 0}
    lines = TrainingMonitor.record

    def stopped(self, **line):
        lines(self, **line)
        if line["step"] == 8:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingMonitor, "record", stopped)
        with pytest.raises(KeyboardInterrupt):
            pretrain(build(PretrainConfig, settings))
    finished = Run.open(pretrain(build(PretrainConfig, settings)).folder)
    assert len(list((finished.folder / "tensorboard").iterdir())) == 2
    told = [(line["step"], line["mlm_loss"]) for line in finished.metrics() if "mlm_loss" in line]
    found = points(finished.folder)
    assert [number for number, _ in found["mlm_loss"]] == [number for number, _ in told] == list(range(1, 13))
    assert [value for _, value in found["mlm_loss"]] == pytest.approx([value for _, value in told])
    assert "heldout_mlm_loss" in found


def test_without_the_package_tensorboard_is_refused_in_a_sentence(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(UserError, match=r"need the package \S*tensorboard. Install it with: .*mamebert\[tensorboard\]"):
        pretrain(build(PretrainConfig, settings))


def test_a_picture_that_cannot_be_written_does_not_hide_what_went_wrong(run, monkeypatch):
    def full(*_):
        raise OSError("full")

    monkeypatch.setattr(monitor, "write_text", full)

    def wrong():
        with TrainingMonitor(run, "H8-L1-N", 100, 0, HERE) as telling:
            for number in (1, 2):
                telling.record(step=number, loss=1.0, mlm_loss=1.0)
            raise ValueError("the real one")

    with pytest.raises(ValueError, match="the real one"):
        wrong()


def test_an_interrupted_meter_of_a_resumed_run_has_sane_figures(capsys):
    with Meter("pretrain", 1000, "steps", done=900):
        pass
    assert capsys.readouterr().err == "pretrain: 900/1000 steps  0/s\n"


def test_a_pretraining_without_a_run_tells_nothing(settings, tmp_path):
    next(iter(PretrainingSteps(build(PretrainConfig, settings))))
    assert not Path(settings["output"]).exists()
    assert not list(tmp_path.iterdir())
