"""Every objective, as a whole pretraining: stopped, gone on with, and measured on held-out text."""

import pytest
import torch
from safetensors.torch import load_file

from mamebert.config import build
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.runs import Run
from mamebert.stages.pretrain import estimate, pretrain
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps

TABLE = "bert.embeddings.word_embeddings.weight"
KINDS = pytest.mark.parametrize("kind", Objective.names())


class Killed(BaseException):
    """The power went."""


@pytest.fixture
def settings(two_epochs):
    return two_epochs


def config(settings, objective, **changes):
    return build(PretrainConfig, {**settings, "objective": objective, **changes})


@KINDS
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    settings, kind, tmp_path, unproved, monkeypatch, everything, asking
):
    falling = {} if kind == "left_to_right_lm" else {"mask_rate": 0.3, "last_mask_rate": 0.1}
    last = ends_the_same({**settings, "objective": asking(kind, **falling)}, tmp_path, monkeypatch, everything)
    assert last["heldout_mlm_loss"] > 0
    assert last["order_gain"] is not None


def test_so_does_one_with_all_that_later_papers_have(settings, tmp_path, unproved, monkeypatch, everything, asking):
    objective = asking("masked_lm", mask_unit="pmi", pmi_min_count=3, pmi_rate=0.5, z_loss=1e-3, dupe_factor=1)
    training = {
        **settings["training"], "optimizer": "stable_adamw", "average_decay": 0.7, "beta_2_half_life": 50_000,
        "batch_ramp": 20_000,
    }  # fmt: skip
    settings = {**settings, "objective": objective, "training": training}
    ends_the_same(settings, tmp_path, monkeypatch, everything)


def test_what_is_saved_and_measured_are_the_averages(settings, tmp_path, unproved):
    training = {"steps": 6, "batch_tokens": 512, "peak_lr": 3e-2, "precision": "float32"}
    settings = {**settings, "training": training, "objective": {"kind": "masked_lm", "max_length": 32}}
    plain = pretrain(build(PretrainConfig, {**settings, "output": tmp_path / "plain"}))
    training = {**training, "average_decay": 0.9}
    averaged = pretrain(build(PretrainConfig, {**settings, "training": training, "output": tmp_path / "averaged"}))
    losses = [[line["loss"] for line in run.metrics() if "loss" in line] for run in (plain, averaged)]
    assert losses[0] == losses[1]
    tables = [load_file(run.folder / "model" / "model.safetensors")[TABLE] for run in (plain, averaged)]
    assert not torch.equal(*tables)
    held_out = [run.results["epochs"][-1]["heldout_mlm_loss"] for run in (plain, averaged)]
    assert held_out[0] != held_out[1]


def ends_the_same(settings, tmp_path, monkeypatch, everything):
    """Kill a run amid its second epoch, go on, compare with one that was not; return the last epoch of both."""
    whole = build(PretrainConfig, {**settings, "output": tmp_path / "whole"})
    expected = everything(pretrain(whole).folder)
    recorded, record = [], Run.record

    def dies(self, **line):
        recorded.append(line)
        if len(recorded) == 6:  # amid the second epoch
            raise Killed
        record(self, **line)

    stopped = build(PretrainConfig, {**settings, "output": tmp_path / "stopped"})
    with monkeypatch.context() as patch:
        patch.setattr(Run, "record", dies)
        with pytest.raises(Killed):
            pretrain(stopped)
    assert everything(pretrain(stopped).folder) == expected
    return expected["epochs"][-1]


def test_a_rate_that_falls_is_that_of_the_step(settings, monkeypatch):
    asked, made = [], EpochOfBatches.made
    monkeypatch.setattr(EpochOfBatches, "made", lambda self, n, rate: asked.append(rate) or made(self, n, rate))
    work = PretrainingSteps(
        config(settings, {"kind": "masked_lm", "max_length": 32, "mask_rate": 0.3, "last_mask_rate": 0.1})
    )
    for step, batch in work:
        work.count.add(step, len(batch.packed.ids), 0, 1.0, 1.0)
        if work.epoch_is_over:
            work.count.close_epoch(len(work.epoch(work.count.epoch)), {})
    falling = asked[: work.count.step]
    done = [n / (work.total_steps - 1) for n in range(work.count.step)]
    assert falling == pytest.approx([0.3 - 0.2 * round(16 * share) / 16 for share in done])


@pytest.mark.parametrize("kind", [kind for kind in Objective.names() if Objective.find(kind).trains_more])
def test_a_dry_run_counts_what_is_trained_beside_the_encoder(settings, kind, asking):
    training = {"steps": 2, "batch_tokens": 256, "precision": "float32"}
    found, plain = (estimate(config(settings, asking(each), training=training)) for each in (kind, "masked_lm"))
    assert found["disk_bytes"]["snapshots"] > 1.02 * plain["disk_bytes"]["snapshots"]
    assert found["disk_bytes"]["model"] == plain["disk_bytes"]["model"]
    assert 0 < found["mfu"] < 1
