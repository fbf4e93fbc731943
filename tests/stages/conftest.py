"""Pretrainings that are stopped in every way, and what has to be the same afterwards."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from mamebert.files.disk import partial
from mamebert.runs import Run

CLOCKS = {"seconds", "cpu_seconds", "tokens_per_second", "mfu", "product_peak", "peak_memory_bytes", "energy"}
EXACT = ("parameters", "steps", "tokens", "epochs", "kept", "embeddings_unchanged", "fill_mask", "trouble")

CHILD = """
import os, sys
os.dup2(os.open({errors!r}, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
import torch
torch.set_num_threads(1)
from mamebert.stages.pretrain import pretraining
pretraining.verify = lambda folders: {{str(folder): 0.0 for folder in folders}}
{prelude}
sys.argv = ["mamebert", *{words!r}]
from mamebert.cli import main
main()
"""


@pytest.fixture
def two_epochs(world, tiny, tmp_path):
    """Return settings of two epochs of three steps each, with a snapshot after every one."""
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


def without_clocks(value):
    if isinstance(value, dict):
        return {k: without_clocks(v) for k, v in value.items() if k not in CLOCKS}
    return [without_clocks(v) for v in value] if isinstance(value, list) else value


@pytest.fixture
def everything():
    """Return a function giving what a pretraining leaves, clocks apart: weights, optimizer, metrics and results."""

    def read(folder):
        run = Run.open(folder)
        found = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("model.safetensors"))}
        found |= {name: without_clocks(run.results[name]) for name in EXACT}
        return {**found, "state": run.results["state_sha256"], "metrics": without_clocks(run.metrics())}

    return read


@pytest.fixture
def snapshots():
    """Return a function giving the snapshot files of an unfinished run."""
    return lambda settings: sorted((partial(Path(settings["output"])) / "snapshots").glob("step-*.safetensors"))


class Child:
    """A pretraining in a process of its own."""

    def __init__(self, context, settings, prelude, errors):
        words = [f"{name}={_toml(value)}" for name, value in settings.items()]
        code = CHILD.format(errors=str(errors), prelude=prelude, words=["pretrain", *words])
        self.process, self._errors = context.Process(target=exec, args=(code, {})), errors
        self.snapshots = partial(Path(settings["output"])) / "snapshots"
        self._metrics = self.snapshots.with_name("metrics.jsonl")
        self.process.start()

    def wait_for_lines(self, number):
        """Wait until metrics.jsonl has so many lines; return whether the process still runs."""
        while self.process.is_alive():
            if self._metrics.is_file() and self._metrics.read_bytes().count(b"\n") >= number:
                return True
            time.sleep(0.002)
        return False

    def wait_for_writing(self):
        """Wait, at most for a second, until a snapshot is being written."""
        until = time.monotonic() + 1
        while not (self.snapshots / "unfinished.tmp").exists() and time.monotonic() < until:
            time.sleep(0.0002)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.process.kill()
        return self.end()[0]

    def end(self):
        """Return exit code and stderr."""
        self.process.join()
        return self.process.exitcode, self._errors.read_text()


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a pretraining in a process forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    # torch._dynamo and pandas are what torch's optimizers and pyarrow import when first used.
    stages = ["mamebert.cli", "mamebert.stages.pretrain", "mamebert.stages.pretrain.pretraining"]
    context.set_forkserver_preload([*stages, "torch._dynamo", "pandas"])
    return lambda settings, prelude="": Child(context, settings, prelude, tmp_path / "stderr.txt")


def _toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
