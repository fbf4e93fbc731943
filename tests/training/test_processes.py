import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.runs import Run
from mamebert.stages.pretrain import pretrain
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.tokenize import TokenizeConfig
from mamebert.training.processes import Processes

CLOCKS = {"seconds", "cpu_seconds", "tokens_per_second"}


@pytest.fixture
def settings(world, tiny):
    """Without dropout, so that it does not matter how many processes share a step."""
    return {
        **tiny,
        "encoder": {**tiny["encoder"], "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
        "shards": str(world / "tokens"),
        "training": {**tiny["training"], "batch_tokens": 512},
        "heldout_tokens": 1000,
        "keep_models": 2,
    }


@pytest.fixture
def processes(tmp_path):
    """Return a function that starts processes for some trainings, one after the other; they end with the test."""
    started = []

    def start(*trainings, count=2):
        files = [tmp_path / f"{len(started)}-{number}.json" for number in range(len(trainings))]
        for file, training in zip(files, trainings, strict=True):
            file.write_text(json.dumps({"stop_after": 0, "mistake": "", **training}))
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"] if count > 1 else []
        command = [sys.executable, *torchrun, str(Path(__file__).with_name("one_of_many.py")), *map(str, files)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env=environment, start_new_session=True, **output))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            os.killpg(each.pid, signal.SIGKILL)


def ended(process):
    """Return the exit code and what the processes themselves said."""
    out, err = process.communicate(timeout=300)
    return process.returncode, [line for line in (out + err).splitlines() if line.startswith("mamebert: ")], err


def finished(process):
    code, said, err = ended(process)
    assert code == 0, err[:3000]
    assert said == []


def weights(folder):
    return load_file(Path(folder) / "model" / "model.safetensors")


def metrics(folder):
    return [{k: v for k, v in line.items() if k not in CLOCKS} for line in Run.open(folder).metrics()]


def assert_alike(folder, other):
    """The same losses and weights but for float rounding."""
    for found, wanted in zip(metrics(folder), metrics(other), strict=True):
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-6)  # order gain is the difference of two losses
    found, wanted = weights(folder), weights(other)
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-5)


def test_two_processes_learn_what_one_learns(settings, processes, tmp_path, unproved):
    pretrain(build(PretrainConfig, {**settings, "output": str(tmp_path / "one")}))
    finished(processes({"settings": {**settings, "output": str(tmp_path / "two")}}))
    assert_alike(tmp_path / "two", tmp_path / "one")
    assert Run.open(tmp_path / "two").results["processes"] == 2


@pytest.mark.slow
def test_sharded_in_parts_or_with_less_to_learn_they_learn_the_same_and_a_run_moves_between_them(
    world, settings, processes, tmp_path, unproved
):
    training = settings["training"]
    sharded, in_parts = (
        {"training": {**training, "parallel": "fsdp"}},
        {"training": {**training, "micro_batch_tokens": 100}},
    )
    words_only = {"objective": {"kind": "masked_lm", "max_length": 32}}
    fixed = {"embeddings": {"vectors": str(world / "vectors")}}
    thawing = {
        "embeddings": {**fixed["embeddings"], "unfreeze_after_epochs": 1, "special_trainable": True},
        "training": {"epochs": 2, "batch_tokens": 8192, "precision": "float32"},
    }
    moving = {"snapshot_seconds": 0, "inexact": True}

    def made(name, **changes):
        return {**settings, **changes, "output": str(tmp_path / name)}

    finished(processes({"settings": made("moving", **moving), "stop_after": 3}, count=1))
    finished(
        processes(
            {"settings": made("two-sharded", **sharded)},
            {"settings": made("two-in-parts", **in_parts)},
            {"settings": made("two-words-only", **words_only)},
            {"settings": made("two-fixed", **fixed, **sharded)},
            {"settings": made("two-thawing", **thawing)},
            {"settings": made("moving", **moving), "stop_after": 6},
            {"settings": made("moving", **moving, **sharded), "stop_after": 9},
        )
    )
    for name, changes in (("one", {}), ("one-words-only", words_only), ("one-fixed", fixed), ("one-thawing", thawing)):
        pretrain(build(PretrainConfig, made(name, **changes)))
    pretrain(build(PretrainConfig, made("moving", **moving)))

    for name in ("two-sharded", "two-in-parts", "moving"):
        assert_alike(tmp_path / name, tmp_path / "one")
    for name in ("words-only", "fixed", "thawing"):
        assert_alike(tmp_path / f"two-{name}", tmp_path / f"one-{name}")
    assert Run.open(tmp_path / "two-fixed").results["embeddings_unchanged"]


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_killed_worker_leaves_a_run_that_goes_on_to_the_same_bits(world, tiny, processes, tmp_path, parallel):
    def settings(name):
        training = {"steps": 40, "batch_tokens": 512, "precision": "float32", "parallel": parallel}
        output = str(tmp_path / name)
        shards = str(world / "tokens")
        return {**tiny, "shards": shards, "training": training, "output": output, "snapshot_seconds": 0}

    finished(processes({"settings": settings("whole")}))
    for rank, least in ((1, 3), (0, 12)):
        group = processes({"settings": settings("killed")})
        wait_for_step(tmp_path / "killed", least)
        os.kill(int((tmp_path / f"pid-{rank}").read_text()), signal.SIGKILL)
        code, said, _ = ended(group)
        assert code != 0
        assert all("goes on" in sentence for sentence in said)
        assert len(said) <= 1
    finished(processes({"settings": settings("killed")}))
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")
    found, wanted = (Run.open(tmp_path / name).results["state_sha256"] for name in ("killed", "whole"))
    assert found == wanted


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells whose memory is whose")
def test_a_fixed_table_is_in_memory_once_and_stays_so_when_the_run_goes_on(world, settings, processes, tmp_path):
    fixed = {**settings, "embeddings": {"vectors": str(world / "vectors")}, "output": str(tmp_path / "fixed")}
    fixed["snapshot_seconds"] = 0
    for stop_after in (3, 6):
        finished(processes({"settings": fixed, "stop_after": stop_after}))
        for rank in (0, 1):
            found = json.loads((tmp_path / f"table-{rank}.json").read_text())
            assert found["Rss"] > 0
            assert found["Anonymous"] == 0, "pages of its own"
    assert not list(tmp_path.rglob("table.tmp"))


def wait_for_step(folder, least):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        steps = [int(p.stem[5:]) for p in (partial(folder) / "snapshots").glob("step-*.safetensors")]
        if max(steps, default=0) >= least:
            return
        time.sleep(0.02)
    raise AssertionError(f"no snapshot of step {least}")


@pytest.mark.slow
def test_a_group_that_is_told_to_stop_stops_at_one_step_and_goes_on(world, settings, processes, tmp_path):
    output = tmp_path / "stopped"
    settings = {**settings, "output": str(output), "training": {**settings["training"], "steps": 60}}
    group = processes({"settings": settings})
    while not (partial(output) / "metrics.jsonl").is_file() or not (partial(output) / "metrics.jsonl").read_text():
        assert group.poll() is None
        time.sleep(0.02)
    os.kill(int((tmp_path / "pid-1").read_text()), signal.SIGTERM)  # one alone is asked
    code, said, err = ended(group)
    assert code == 0, err[:3000]
    assert said == ["mamebert: stopped. Start the same command again and it goes on."]
    assert not output.exists()
    finished(processes({"settings": settings}))
    assert Run.open(output).results["steps"] == 60


@pytest.mark.slow
def test_a_mistake_that_one_process_meets_ends_all_with_its_one_sentence(settings, processes, tmp_path):
    mistake = "A disk of this machine is away. Bring it back."
    group = processes({"settings": {**settings, "output": str(tmp_path / "away")}, "mistake": mistake})
    code, said, err = ended(group)
    assert code == 1  # torchrun's own; its table has those of the processes
    assert said == [f"mamebert: {mistake}"]
    assert "mamebert/" not in err  # none of our lines in a traceback
    assert err.count("exitcode  : 2") >= 1


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("num_parts", [1, 2, 5])
def test_every_part_is_counted_once_and_nobody_waits_for_another(count, num_parts):
    dealt = [list(Processes(rank=rank, count=count).shares(range(num_parts))) for rank in range(count)]
    assert len({len(shares) for shares in dealt}) == 1
    assert sorted(s.place for shares in dealt for s in shares if s.counts) == list(range(num_parts))
    assert all([s.last for s in shares] == [False] * (len(shares) - 1) + [True] for shares in dealt)


def test_a_sharded_table_cannot_learn_in_part(settings, world):
    embeddings = {"vectors": str(world / "vectors"), "special_trainable": True}
    sharded = {**settings["training"], "parallel": "fsdp"}
    with pytest.raises(UserError, match=r"cannot train some rows.*training\.parallel=ddp"):
        build(PretrainConfig, {**settings, "output": "x", "embeddings": embeddings, "training": sharded})


def test_a_command_that_one_process_does_is_not_started_by_several(world, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    config = build(TokenizeConfig, {"corpus": world / "clean", "tokenizer": world / "vocab", "output": tmp_path / "no"})
    with pytest.raises(UserError, match=r"`mamebert tokenize` is done by one process\. Start it without torchrun"):
        Run.start(config)
    assert not any(tmp_path.iterdir())
