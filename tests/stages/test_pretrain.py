import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mamebert.checkpoints.verify import NotTheSame
from mamebert.config import build
from mamebert.encoder.fixed_embeddings import TokenEmbeddings
from mamebert.errors import UserError
from mamebert.runs import Run, partial
from mamebert.stages import _pretraining
from mamebert.stages.pretrain import PretrainConfig, estimate, pretrain
from mamebert.stages.tokenize import TokenizeConfig, tokenize
from mamebert.vectors.table import VectorTable

TABLE = "bert.embeddings.word_embeddings.weight"
CLOCKS = {"seconds", "cpu_seconds", "tokens_per_second", "training_seconds"}


class Killed(BaseException):
    """The power went."""


@pytest.fixture
def settings(world, tiny, tmp_path):
    """Two epochs of three steps each, with a snapshot after every one."""
    return {
        **tiny,
        "shards": str(world / "tokens"),
        "output": str(tmp_path / "encoder"),
        "training": {"epochs": 2, "batch_tokens": 8192, "precision": "float32"},
        "evaluate_every": 2,
        "heldout_tokens": 200,
        "snapshot_seconds": 0,
        "keep_models": 3,
    }


def config(settings, **changes):
    return build(PretrainConfig, {**settings, **changes})


def without_clocks(value):
    if isinstance(value, dict):
        return {k: without_clocks(v) for k, v in value.items() if k not in CLOCKS and k != "README.md"}
    return [without_clocks(v) for v in value] if isinstance(value, list) else value


def everything(folder):
    """Return what a pretraining leaves, clocks apart."""
    run = Run.open(folder)
    weights = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("model.safetensors"))}
    return weights, without_clocks(run.metrics()), without_clocks(run.results)


def snapshots(settings):
    return sorted((partial(Path(settings["output"])) / "snapshots").glob("step-*.safetensors"))


def killed_before(number, monkeypatch, work):
    """Do `work` until just before its disk operation `number`; return whether it came that far."""
    count = 0

    def guarded(what):
        def done(*words, **named):
            nonlocal count
            count += 1
            if count == number:
                raise Killed
            return what(*words, **named)

        return done

    with monkeypatch.context() as patch:
        for owner, name in (
            (Run, "record"),
            (Run, "keep_time"),
            (Run, "finish"),
            (_pretraining, "save_snapshot"),
            (_pretraining, "save_pretraining"),
            (_pretraining, "verify"),
            (_pretraining, "write_text"),
        ):
            patch.setattr(owner, name, guarded(getattr(owner, name)))
        try:
            work()
        except Killed:
            killed = True
        else:
            killed = False
    return killed


@pytest.mark.parametrize("first", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_a_run_killed_before_any_of_its_writes_ends_the_same(settings, tmp_path, unproved, monkeypatch, first):
    small = {**settings, "encoder": {"hidden_size": 16, "num_hidden_layers": 1, "max_position_embeddings": 32}}
    small["training"] = {"epochs": 2, "batch_tokens": 16384, "precision": "float32"}
    whole = everything(pretrain(config(small, output=tmp_path / "whole")).folder)
    assert len(whole[2]["epochs"]) == 2
    number, killed = first - 3, True
    while killed:
        number += 3
        work = config(small, output=tmp_path / f"killed-{number}")
        killed = killed_before(number, monkeypatch, lambda work=work: pretrain(work))
        assert everything(pretrain(work).folder) == whole, f"killed before write {number}"
    assert number > 15


CHILD = """
from mamebert.stages import _pretraining
_pretraining.verify = lambda folders: {str(folder): 0.0 for folder in folders}
from mamebert.cli import main
main()
"""


def start(settings):
    words = [f"{name}={json.dumps(value)}" for name, value in settings.items() if not isinstance(value, dict)]
    words += [f"{a}.{b}={json.dumps(v)}" for a, s in settings.items() if isinstance(s, dict) for b, v in s.items()]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, "pretrain", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_lines(settings, number, process):
    metrics = partial(Path(settings["output"])) / "metrics.jsonl"
    while process.poll() is None:
        if metrics.is_file() and metrics.read_bytes().count(b"\n") >= number:
            return
        time.sleep(0.002)


def kill_and_compare(settings, tmp_path, num_kills, seed):
    steps = 15 * (num_kills + 1)
    settings = {**settings, "training": {"steps": steps, "batch_tokens": 256, "precision": "float32"}}
    whole = everything(pretrain(config(settings, output=tmp_path / "whole", snapshot_seconds=1000)).folder)
    rng = random.Random(seed)
    for kill in range(num_kills):
        process = start(settings)
        wait_for_lines(settings, (kill + 1) * 15 + rng.randrange(9), process)
        time.sleep(rng.random() * 0.03)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert snapshots(settings)
    assert not Path(settings["output"]).exists()
    assert everything(pretrain(config(settings)).folder) == whole


def test_a_process_killed_three_times_ends_bit_identical(settings, tmp_path, unproved):
    kill_and_compare(settings, tmp_path, 3, seed=1)


@pytest.mark.slow
def test_a_process_killed_twenty_times_ends_bit_identical(settings, tmp_path, unproved):
    kill_and_compare(settings, tmp_path, 20, seed=2)


def test_ctrl_c_takes_a_snapshot_says_so_and_goes_on(settings, tmp_path, unproved):
    settings = {**settings, "training": {"steps": 60, "batch_tokens": 256, "precision": "float32"}}
    settings["snapshot_seconds"] = 1000
    process = start(settings)
    wait_for_lines(settings, 8, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "mamebert: stopped. Start the same command again and it goes on."
    assert "Traceback" not in err
    (snapshot,) = snapshots(settings)
    metrics = (partial(Path(settings["output"])) / "metrics.jsonl").read_text().splitlines()
    assert int(snapshot.stem.removeprefix("step-")) == json.loads(metrics[-1])["step"] >= 4
    whole = everything(pretrain(config(settings, output=tmp_path / "whole")).folder)
    assert everything(pretrain(config(settings)).folder) == whole


def test_a_wish_to_stop_at_the_end_of_an_epoch_keeps_the_epoch(settings, tmp_path, unproved, monkeypatch):
    whole = everything(pretrain(config(settings, output=tmp_path / "whole")).folder)
    measure = _pretraining.Pretraining.measure

    def asked_while_measuring(self):
        if self.count.step in (3, 6):
            signal.raise_signal(signal.SIGINT)
        return measure(self)

    monkeypatch.setattr(_pretraining.Pretraining, "measure", asked_while_measuring)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pretrain(config(settings))
    monkeypatch.undo()
    monkeypatch.setattr(_pretraining, "verify", lambda folders: {"": 0.0})
    weights, metrics, results = everything(pretrain(config(settings)).folder)
    assert (weights, metrics, results["epochs"]) == (whole[0], whole[1], whole[2]["epochs"])


def test_w_keeps_the_scaled_table_bit_for_bit(world, encoders):
    table = torch.from_numpy(VectorTable.open(world / "vectors").scaled(TokenEmbeddings().scale))
    saved = load_file(encoders("W") / "model" / "model.safetensors")
    assert torch.equal(saved[TABLE], table)
    assert Run.open(encoders("W")).results["embeddings_unchanged"] is True
    assert Run.open(encoders("N")).results["embeddings_unchanged"] is None


def test_w_trains_exactly_the_table_less(encoders):
    n, w = (Run.open(encoders(name)).results["parameters"] for name in "NW")
    rows, width = load_file(encoders("N") / "model" / "model.safetensors")[TABLE].shape
    assert n["trainable"] - w["trainable"] == rows * width == w["frozen"]
    assert n["total"] == w["total"]


def test_a_table_that_is_not_frozen_learns(settings, world, unproved):
    embeddings = {"vectors": str(world / "vectors"), "frozen": False}
    folder = pretrain(config(settings, embeddings=embeddings)).folder
    table = torch.from_numpy(VectorTable.open(world / "vectors").scaled(TokenEmbeddings().scale))
    assert not torch.equal(load_file(folder / "model" / "model.safetensors")[TABLE], table)


@pytest.mark.parametrize("special_trainable", [False, True])
def test_a_table_thaws_after_its_epochs_and_resumes_exactly(
    settings, world, tmp_path, unproved, monkeypatch, special_trainable
):
    vectors = VectorTable.open(world / "vectors")
    table, learnt = torch.from_numpy(vectors.scaled(TokenEmbeddings().scale)), torch.from_numpy(vectors.learnt)
    settings["embeddings"] = {
        "vectors": str(world / "vectors"),
        "unfreeze_after_epochs": 1,
        "special_trainable": special_trainable,
    }
    settings["training"] = {"epochs": 2, "batch_tokens": 8192, "peak_lr": 1e-2, "precision": "float32"}
    tables = {}
    keep = _pretraining.save_snapshot

    def noted(folder, step, network, *others):
        tables[step] = network.bert.embeddings.word_embeddings.weight.detach().clone()
        keep(folder, step, network, *others)

    with monkeypatch.context() as patch:
        patch.setattr(_pretraining, "save_snapshot", noted)
        whole = pretrain(config(settings, output=tmp_path / "whole")).folder
    end_of_first = Run.open(whole).results["epochs"][0]["tokens"]
    (first,) = {m["step"] for m in Run.open(whole).metrics() if m["tokens"] == end_of_first}
    last = Run.open(whole).results["steps"]
    assert torch.equal(tables[first][learnt], table[learnt])
    moved = (tables[last] != table).any(1)
    moved_by_much = moved & learnt & torch.from_numpy(vectors.counts > 50)
    assert moved_by_much.any()

    for number in range(14, 20):  # somewhere in the second epoch
        if killed_before(number, monkeypatch, lambda: pretrain(config(settings))) and len(snapshots(settings)):
            break
    assert everything(pretrain(config(settings)).folder) == everything(whole)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("no mask in here", r"There is no \[MASK\]"), ("[MASK] " * 80, "the encoder reads 64")],
)
def test_a_probe_that_cannot_be_filled_is_told_before_training(settings, text, sentence):
    with pytest.raises(UserError, match=sentence):
        pretrain(config(settings, probe_texts=[text]))
    assert not snapshots(settings)


def test_evaluations_and_snapshots_do_not_count_as_training_time(settings, unproved, monkeypatch):
    measure, pauses = _pretraining.Pretraining.measure, []

    def slow(self):
        pauses.append(0.2)
        time.sleep(0.2)
        return measure(self)

    monkeypatch.setattr(_pretraining.Pretraining, "measure", slow)
    began = time.monotonic()
    results = pretrain(config(settings)).results
    assert results["training_seconds"] <= time.monotonic() - began - sum(pauses)
    assert len(pauses) == 4  # steps 2 and 4, and two ends of epochs, of which step 6 is one
    assert sum(e["seconds"] for e in results["epochs"]) == pytest.approx(results["training_seconds"], abs=0.01)


def test_models_kept_on_the_way_are_whole_and_in_order(encoders):
    run = Run.open(encoders("N"))
    (kept,) = run.results["kept"]
    assert kept["step"] == 6
    assert 0 < kept["epoch"] < 1
    early, final = (load_file(run.folder / f / "model.safetensors") for f in (kept["folder"], "model"))
    assert early.keys() == final.keys()
    assert not torch.equal(early[TABLE], final[TABLE])


def test_a_model_that_transformers_reads_otherwise_is_never_called_finished(settings, monkeypatch):
    def differs(folders):
        raise NotTheSame("logits differ")

    monkeypatch.setattr(_pretraining, "verify", differs)
    with pytest.raises(NotTheSame):
        pretrain(config(settings))
    assert not Path(settings["output"]).exists()
    assert snapshots(settings)  # nothing was lost


def test_without_held_out_text_there_is_no_held_out_loss(settings, world, tmp_path, unproved, capsys):
    tokens = tokenize(
        build(
            TokenizeConfig,
            {
                "corpus": world / "clean",
                "tokenizer": world / "vocab",
                "heldout_rate": 0,
                "processes": 1,
                "output": tmp_path / "tokens",
            },
        )
    )
    results = pretrain(config(settings, shards=tokens.folder)).results
    assert "heldout_mlm_loss" not in results["epochs"][-1]
    assert "no held-out loss" in capsys.readouterr().err


def test_an_estimate_says_what_it_takes_and_writes_nothing(settings, encoders, tmp_path):
    found = estimate(config(settings))
    assert found["parameters"] == Run.open(encoders("N")).results["parameters"]
    assert found["seconds_in_all"] > 0
    assert found["tokens_per_second"] > 100
    assert found["steps"] == 2 * -(-found["tokens_per_epoch"] // 8192)
    assert list(tmp_path.iterdir()) == []


def test_pretraining_learns(settings, unproved):
    settings["training"] = {"steps": 80, "batch_tokens": 512, "peak_lr": 5e-3, "precision": "float32"}
    settings["snapshot_seconds"] = 100
    run = Run.open(pretrain(config(settings)).folder)
    losses = [m["mlm_loss"] for m in run.metrics() if "mlm_loss" in m]
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) - 0.5
