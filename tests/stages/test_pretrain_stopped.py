"""A pretraining that is killed, interrupted or robbed of its disk ends like one that was not."""

import errno
import itertools
import json
import random
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mamebert import objectives
from mamebert.config import build
from mamebert.encoder.fixed_embeddings import TokenEmbeddings
from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, partial
from mamebert.runs import Run
from mamebert.stages.pretrain import pretrain, pretraining
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.training import arithmetic, snapshot_folder
from mamebert.training.snapshot_folder import SnapshotFolder
from mamebert.training.trouble import Watch
from mamebert.word2vec.table import VectorTable

TABLE = "bert.embeddings.word_embeddings.weight"

SLOWLY = """
import time
import safetensors.torch
from safetensors.torch import save
def save_file(tensors, path, metadata):
    content = save(tensors, metadata)
    with path.open("wb") as file:
        for start in range(0, len(content), 1 << 15):
            file.write(content[start : start + (1 << 15)])
            file.flush()
            time.sleep(0.003)
safetensors.torch.save_file = save_file
"""

TROUBLE = """
from mamebert.training.trouble import Watch
judge = Watch.judge
def bad(watch, step, loss, norm):
    loss = {5: float("nan"), 23: float("inf"), 31: 99.0}.get(step % 50, loss)
    if step % 64 in (12, 13, 14, 28, 29, 30):
        loss = 99.0 if step % 64 < 20 else float("nan")
    return judge(watch, step, loss, norm)
Watch.judge = bad
"""


class Killed(BaseException):
    """The power went."""


@pytest.fixture
def settings(two_epochs):
    return two_epochs


@pytest.fixture
def small(two_epochs):
    """Return settings of two epochs of about half a second each, with a snapshot whenever the last one is written."""
    return {
        **two_epochs,
        "encoder": {"hidden_size": 16, "num_hidden_layers": 1, "max_position_embeddings": 32, "num_attention_heads": 2},
        "training": {"epochs": 2, "batch_tokens": 1024, "precision": "float32"},
        "evaluate_every": 20,
    }


def config(settings, **changes):
    return build(PretrainConfig, {**settings, **changes})


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
            (Run, "finish"),
            (SnapshotFolder, "take"),
            (snapshot_folder, "write_snapshot"),
            (objectives, "save_pretraining"),
            (pretraining, "verify"),
            (pretraining, "write_text"),
        ):
            patch.setattr(owner, name, guarded(getattr(owner, name)))
        try:
            work()
        except Killed:
            killed = True
        else:
            killed = False
    return killed


@pytest.mark.parametrize("first", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 4))])
def test_a_run_killed_before_any_of_its_writes_ends_the_same(small, tmp_path, unproved, monkeypatch, everything, first):
    small = {**small, "training": {"epochs": 2, "batch_tokens": 16384, "precision": "float32"}, "evaluate_every": 2}
    whole = everything(pretrain(config(small, output=tmp_path / "whole")).folder)
    assert len(whole["epochs"]) == 2
    number, killed = first - 4, True
    while killed:
        number += 4
        work = config(small, output=tmp_path / f"killed-{number}")
        killed = killed_before(number, monkeypatch, lambda work=work: pretrain(work))
        assert everything(pretrain(work).folder) == whole, f"killed before write {number}"
    assert number > 15


def kill_and_compare(settings, num_kills, seed, tools, prelude=""):
    """Kill a run at random moments, every other time amid a snapshot's writing; compare its end with a whole run's."""
    start, everything, tmp_path = tools
    whole = {**settings, "output": str(tmp_path / "whole"), "snapshot_seconds": 1000}
    assert start(whole, prelude).end()[0] == 0
    expected = everything(tmp_path / "whole")
    rng, lines = random.Random(seed), len(expected["metrics"])
    torn = 0
    for kill in range(num_kills):
        child = start(settings, prelude + SLOWLY)
        assert child.wait_for_lines((kill + rng.random()) * lines / (num_kills + 0.5)), child.end()
        if kill % 2:
            time.sleep(rng.random() * 0.03)
        else:
            child.wait_for_writing()
        assert child.kill() == -signal.SIGKILL
        torn += (child.snapshots / "unfinished.tmp").exists()
    assert torn >= num_kills // 4
    assert not Path(settings["output"]).exists()
    code, said = start(settings, prelude).end()
    assert (code, "going on from step" in said) == (0, True), said
    assert everything(settings["output"]) == expected
    return expected


@pytest.fixture
def tools(start, everything, tmp_path):
    return start, everything, tmp_path


def w_that_thaws(settings, world):
    """Return settings of W, masked words alone, whose table learns in the second epoch."""
    embeddings = {"vectors": str(world / "vectors"), "unfreeze_after_epochs": 1}
    encoder = {**settings["encoder"], "hidden_size": 32}
    objective = {"kind": "masked_lm", "max_length": 32}
    return {**settings, "embeddings": embeddings, "encoder": encoder, "objective": objective}


def test_a_process_killed_three_times_ends_bit_identical(small, tools):
    expected = kill_and_compare(small, 3, seed=1, tools=tools)
    assert len(expected["epochs"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_kills", "kind", "prelude"), [(60, "N", ""), (60, "W", ""), (30, "N", TROUBLE), (30, "W", TROUBLE)]
)
def test_a_process_killed_many_times_ends_bit_identical(small, world, tools, num_kills, kind, prelude):
    settings = {**small, "training": {"epochs": 6, "batch_tokens": 512, "precision": "float32"}}
    settings |= {"trouble": {"back_steps": 8, "spike_window": 5, "most": 1000, "remedy": "lower_lr"}}
    if kind == "W":
        settings = w_that_thaws(settings, world)
    kill_and_compare(settings, num_kills, seed=num_kills, tools=tools, prelude=prelude)


def test_a_run_with_trouble_that_is_killed_ends_like_one_that_is_not(small, world, tools):
    settings = w_that_thaws(small, world)
    settings |= {"trouble": {"back_steps": 8, "spike_window": 5, "remedy": "lower_lr"}}
    expected = kill_and_compare(settings, 3, seed=4, tools=tools, prelude=TROUBLE)
    troubled = [line for line in expected["metrics"] if "trouble" in line]
    assert len(troubled) == expected["trouble"]["left_out"] == 9
    assert sum("back" in line["remedy"] for line in troubled) == expected["trouble"]["went_back"] == 2
    factors = [line["lr_factor"] for line in troubled]
    assert factors[-1] == 0.5 ** expected["trouble"]["went_back"]


def test_two_runs_have_the_same_hash(settings, tmp_path, unproved, everything):
    first, second = (everything(pretrain(config(settings, output=tmp_path / name)).folder) for name in "ab")
    assert first == second
    assert any("nsp_loss" in line for line in first["metrics"])


STOPPED = "mamebert: stopped. Start the same command again and it goes on."


def test_a_signal_takes_a_snapshot_says_so_and_goes_on(small, tmp_path, unproved, start, snapshots, everything):
    small = {**small, "snapshot_seconds": 1000, "trouble": {"remedy": "skip"}}
    for number, code, lines in ((signal.SIGINT, 130, 8), (signal.SIGTERM, 0, 16)):
        child = start(small)
        assert child.wait_for_lines(lines)
        child.signal(number)
        ended, err = child.end()
        assert ended == code, err
        assert err.splitlines()[-1] == STOPPED
        assert "Traceback" not in err
        metrics = (partial(Path(small["output"])) / "metrics.jsonl").read_text().splitlines()
        assert int(snapshots(small)[-1].stem.removeprefix("step-")) == json.loads(metrics[-1])["step"] >= lines // 2
    whole = everything(pretrain(config(small, output=tmp_path / "whole")).folder)
    assert everything(pretrain(config(small)).folder) == whole


def test_a_second_signal_stops_at_once(small, start, snapshots):
    child = start({**small, "snapshot_seconds": 1000, "trouble": {"remedy": "skip"}}, SLOWLY.replace("0.003", "60"))
    assert child.wait_for_lines(3)
    child.signal(signal.SIGTERM)
    child.wait_for_writing()
    began = time.monotonic()
    child.signal(signal.SIGTERM)
    assert child.end()[0] == 130
    assert time.monotonic() - began < 30
    assert not snapshots(small)


def test_a_wish_to_stop_at_the_end_of_an_epoch_keeps_the_epoch(settings, tmp_path, unproved, monkeypatch, everything):
    whole = everything(pretrain(config(settings, output=tmp_path / "whole")).folder)
    measure = PretrainingSteps.measure

    def asked_while_measuring(self):
        if self.count.step in (3, 6):
            signal.raise_signal(signal.SIGINT)
        return measure(self)

    monkeypatch.setattr(PretrainingSteps, "measure", asked_while_measuring)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pretrain(config(settings))
    monkeypatch.undo()
    monkeypatch.setattr(pretraining, "verify", lambda folders: {"": 0.0})
    assert everything(pretrain(config(settings)).folder) == whole


def test_a_recipe_told_to_stop_begins_no_other_stage(world, tiny, tmp_path, mamebert, unproved, monkeypatch):
    recipe = tmp_path / "two.toml"
    recipe.write_text(
        f"""
output = "{tmp_path}/two"
[first]
command = "pretrain"
shards = "{world}/tokens"
encoder = {{hidden_size = 16, num_hidden_layers = 1, num_attention_heads = 2, max_position_embeddings = 32}}
objective.max_length = 32
training = {{steps = 20, batch_tokens = 256, precision = "float32"}}
[second]
like = "first"
"""
    )
    with monkeypatch.context() as patch:
        signal_before(6, signal.SIGTERM, patch)
        said = mamebert("run", recipe)
    assert (said.code, said.err.splitlines()[-1]) == (0, STOPPED)
    assert [p.name for p in (tmp_path / "two").iterdir()] == ["first.partial"]
    said = mamebert("run", recipe)
    assert said.code == 0
    assert "going on from step" in said.err
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["first", "second"]


def signal_before(step, number, patch):
    """Let a signal come just before a step is taken."""
    judge = Watch.judge

    def raising(watch, now, loss, norm):
        if now == step:
            signal.raise_signal(number)
        return judge(watch, now, loss, norm)

    patch.setattr(Watch, "judge", raising)


def test_sigterm_ends_other_stages_with_0_too(world, tmp_path, mamebert, monkeypatch):
    monkeypatch.setattr(Run, "finish", lambda self: signal.raise_signal(signal.SIGTERM))
    said = mamebert("clean", {"sources": str(world / "text.txt"), "processes": 1, "output": str(tmp_path / "clean")})
    assert (said.code, said.err.splitlines()[-1]) == (0, STOPPED)
    assert not (tmp_path / "clean").exists()


def test_two_processes_cannot_pretrain_into_one_folder(small, start, tmp_path):
    first = start({**small, "training": {"epochs": 50, "batch_tokens": 512, "precision": "float32"}})
    assert first.wait_for_lines(2)
    other = start({**small, "training": {"epochs": 50, "batch_tokens": 512, "precision": "float32"}})
    code, err = other.end()
    assert first.process.is_alive()
    assert code == 2
    assert "Another process is working on" in err
    assert first.kill() == -signal.SIGKILL


@pytest.mark.parametrize("special_trainable", [False, True])
def test_a_table_thaws_after_its_epochs_and_resumes_exactly(
    settings, world, tmp_path, unproved, monkeypatch, everything, snapshots, special_trainable
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
    take = SnapshotFolder.take

    def noted(folder, snapshot, needed):
        tables[snapshot.step] = snapshot.tensors[f"network.{TABLE}"].clone()
        take(folder, snapshot, needed)

    with monkeypatch.context() as patch:
        patch.setattr(SnapshotFolder, "take", noted)
        whole = pretrain(config(settings, output=tmp_path / "whole")).folder
    end_of_first = Run.open(whole).results["epochs"][0]["tokens"]
    (first,) = {m["step"] for m in Run.open(whole).metrics() if m["tokens"] == end_of_first}
    last = Run.open(whole).results["steps"]
    assert torch.equal(tables[first][learnt], table[learnt])
    moved = (tables[last] != table).any(1)
    moved_by_much = moved & learnt & torch.from_numpy(vectors.counts > 50)
    assert moved_by_much.any()

    for number in range(14, 24):  # somewhere in the second epoch
        if killed_before(number, monkeypatch, lambda: pretrain(config(settings))) and len(snapshots(settings)) > 1:
            break
    assert everything(pretrain(config(settings)).folder) == everything(whole)


def stop_after(step, settings, monkeypatch):
    """Leave a run with a snapshot of `step`."""
    with monkeypatch.context() as patch:
        signal_before(step, signal.SIGINT, patch)
        with pytest.raises(KeyboardInterrupt):
            pretrain(config(settings))


def test_other_threads_are_refused_unless_told_otherwise(settings, unproved, monkeypatch, capsys):
    stop_after(4, settings, monkeypatch)
    real = arithmetic.arithmetic
    monkeypatch.setattr(pretraining, "arithmetic", lambda *words: {**real(*words), "threads": "7"})
    with pytest.raises(
        UserError, match=r"threads 1, and this start has threads 7.*Set OMP_NUM_THREADS=1.*inexact=true"
    ):
        pretrain(config(settings))
    pretrain(config(settings, inexact=True))
    assert "going on with threads 7" in capsys.readouterr().err


def test_a_shard_cut_short_while_it_is_read_is_told_at_the_next_epoch(settings, world, tmp_path, monkeypatch):
    tokens = tmp_path / "tokens"
    shutil.copytree(world / "tokens", tokens)
    end = pretraining.Pretraining._end_epoch

    def then_the_shard_shrinks(self, *words):
        end(self, *words)
        path = next((tokens / "tokens").glob("train-*.arrow"))
        # Not in place: under the mapping that is being read, that would end this process.
        (tmp_path / "shorter").write_bytes(path.read_bytes()[:-8])
        (tmp_path / "shorter").replace(path)

    monkeypatch.setattr(pretraining.Pretraining, "_end_epoch", then_the_shard_shrinks)
    with pytest.raises(UserError, match="is not what was written"):
        pretrain(config(settings, shards=tokens))


def test_no_clock_that_may_be_set_decides_anything(settings, tmp_path, unproved, monkeypatch, everything):
    whole = everything(pretrain(config(settings, output=tmp_path / "whole")).folder)
    days = itertools.count(10**9, -86400)  # every look finds another day, earlier
    monkeypatch.setattr(time, "time", lambda: float(next(days)))
    assert everything(pretrain(config(settings)).folder) == whole


def test_a_disk_that_fills_up_beside_training_is_told_and_nothing_is_lost(
    settings, tmp_path, unproved, monkeypatch, everything, snapshots
):
    whole = everything(pretrain(config(settings, output=tmp_path / "whole")).folder)
    write, written = snapshot_folder.write_snapshot, threading.Event()

    def full_after_a_while(path, snapshot):
        if snapshot.step > 3:
            written.set()
            raise UserError(f"The disk is full, writing {path}. Free some space.")
        write(path, snapshot)

    with monkeypatch.context() as patch:
        patch.setattr(snapshot_folder, "write_snapshot", full_after_a_while)
        with pytest.raises(UserError, match="The disk is full"):
            pretrain(config(settings))
    assert written.is_set()
    assert 1 <= int(snapshots(settings)[-1].stem[5:]) <= 3
    assert everything(pretrain(config(settings)).folder) == whole


def test_a_disk_that_fills_up_amid_a_line_of_metrics_loses_nothing(
    settings, tmp_path, unproved, monkeypatch, everything
):
    whole = everything(pretrain(config(settings, output=tmp_path / "whole")).folder)
    record = Run.record

    def torn(run, **numbers):
        if numbers["step"] != 5:
            return record(run, **numbers)
        with disk_errors(run.folder), (run.folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 5, "lo')
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "record", torn)
        with pytest.raises(UserError, match="The disk is full"):
            pretrain(config(settings))
    assert everything(pretrain(config(settings)).folder) == whole


def test_only_the_last_snapshots_are_kept(small, unproved, monkeypatch, snapshots):
    stop_after(9, {**small, "keep_snapshots": 3, "trouble": {"remedy": "skip"}}, monkeypatch)
    assert len(snapshots(small)) == 3
    assert load_file(snapshots(small)[-1])
