"""Any command, stopped at any moment in any way: started again it ends as if nothing had been.

As many kills as the environment's MAMEBERT_KILLS says, or one of each kind.
"""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mamebert.files.disk import partial

KILLS = int(os.environ.get("MAMEBERT_KILLS", "1"))
SIGNALS = {signal.SIGKILL: {-9}, signal.SIGTERM: {0, 143, -15}, signal.SIGINT: {130, -2}}
COMMANDS = [
    "clean",
    "select",
    "vocab",
    "tokenize",
    "vectors",
    "contrast",
    "finetune",
    "compress",
    "evaluate",
    "probe",
    "predict",
    "run",
]
CLOCKS = re.compile(
    r"second|_ms$|written|bytes$|machine|output|energy|batch_size|not_measured|^path$|flops|threads|epoch_time"
)
ONE_LINE_OF_PYTHON = "Fatal Python error|Traceback|Exception ignored"

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes as Linux has them"),
    pytest.mark.timeout(3600),
]


@pytest.fixture(scope="module")
def words(world: Path, classifiers: Path) -> Callable[[str, Path], list[str]]:
    """Return a function that gives the words of a command with an output."""
    model = classifiers / "models" / "N"
    quick = ["training.epochs=2", "training.batch_tokens=128", "training.precision=float32", "task.max_length=32"]
    rows = f"source={world / 'rows.jsonl'}"
    recipe = world / "recipe.toml"
    recipe.write_text(
        f'[clean]\nsources = ["{world / "text.txt"}"]\nprocesses = 1\n'
        '[vocab]\ncorpus = "@clean"\nprocesses = 1\nvocabulary.size = 80\nvocabulary.min_frequency = 1\n'
        '[tokens]\ncommand = "tokenize"\ncorpus = "@clean"\ntokenizer = "@vocab"\nprocesses = 1\n'
    )
    lines = world / "lines.txt"
    lines.write_text("The old boat meets the rope.\n" * 20_000)
    of_command = {
        "clean": ["clean", f"sources={world / 'text.txt'}", "processes=2", "shard_characters=2000"],
        "select": ["select", f"corpus={world / 'clean'}", rows, "passage_characters=80", "top_passages=3"],
        "vocab": ["vocab", f"corpus={world / 'clean'}", "vocabulary.size=80", "vocabulary.min_frequency=1"],
        "tokenize": ["tokenize", f"corpus={world / 'clean'}", f"tokenizer={world / 'vocab'}", "processes=2"],
        "vectors": ["vectors", f"shards={world / 'tokens'}", "cbow.vector_size=32", "cbow.epochs=2",
                    "cbow.processes=1"],
        "contrast": ["contrast", f"shards={world / 'tokens'}", "tokens=300_000", "pairs=16", "vector_size=32",
                     "crop_tokens=8", "window_tokens=24", "snapshot_seconds=0.2"],
        "finetune": ["finetune", f"model={world / 'encoder-N'}", rows, *quick, "seeds=[1,2]", "baselines=word"],
        "compress": ["compress", f"model={model}", "method.kind=drop_layers", "method.drop=1", "seeds=[1]",
                     "method.training.epochs=1", "method.training.precision=float32", "measure_seconds=0.3"],
        "evaluate": ["evaluate", f"model={model}", rows],
        "probe": ["probe", "minimal-pairs", str(world / "encoder-N"), "--pairs", str(world / "many_pairs.jsonl")],
        "run": ["run", str(recipe)],
    }  # fmt: skip

    def given(command: str, out: Path) -> list[str]:
        if command == "predict":
            return ["predict", str(model), "--file", str(lines), "--out", str(out)]
        return [*of_command[command], f"output={out}"]

    return given


class Killing:
    """A command that is killed and started again, in a folder of its own."""

    def __init__(self, command: str, words: Callable[[str, Path], list[str]], place: Path) -> None:
        self.out, self.temporary = place / "out", place / "temporary"
        self.temporary.mkdir(parents=True)
        self.words = [sys.executable, "-m", "mamebert", *words(command, self.out)]
        self.mark = f"MAMEBERT_KILLED_IN={place}"
        self.environment = {
            **os.environ, "MAMEBERT_KILLED_IN": str(place), "TMPDIR": str(self.temporary), "HF_HUB_OFFLINE": "1",
        }  # fmt: skip

    def start(self) -> subprocess.Popen[str]:
        """Start it as a terminal would: in a group of its own."""
        return subprocess.Popen(
            self.words, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def alive(self) -> list[int]:
        """Return the processes that belong to it."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
            except OSError:
                continue
        return found

    def kill(self, number: signal.Signals, seconds: float) -> str:
        """Send the signal after so many seconds; return what is wrong with how that ended, "" where nothing is."""
        child = self.start()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            # Ctrl-C reaches the whole group of a terminal, `kill` one process.
            (os.killpg if number == signal.SIGINT else os.kill)(child.pid, number)
        said = child.communicate(timeout=120)[1]
        until = time.monotonic() + 20
        while (left := self.alive()) and time.monotonic() < until:
            time.sleep(0.05)
        wrong = []
        if left:
            wrong.append(f"orphans {left}")
        if not _before_us(said):
            if child.returncode not in {0, *SIGNALS[number]}:
                wrong.append(f"exit code {child.returncode}")
            if re.search(ONE_LINE_OF_PYTHON, said):
                wrong.append("a traceback")
        return f"{number.name} after {seconds:.2f} s: {', '.join(wrong)}\n{said[-1500:]}" if wrong else ""

    def finish(self) -> dict[str, Any]:
        """Let it come to its end; return what it has made."""
        child = self.start()
        said = child.communicate(timeout=300)[1]
        assert child.returncode == 0, said
        assert not self.alive()
        assert not list(self.temporary.iterdir()), list(self.temporary.iterdir())
        assert not partial(self.out).exists()
        return made(self.out)


def _before_us(said: str) -> bool:
    """Tell whether Python had not begun with the program yet: what it says then is not ours to change."""
    return "mamebert/cli/" not in said and ("site.py" in said or "<frozen" in said) and "__main__.py" not in said


def made(out: Path) -> dict[str, Any]:
    """Return everything in a folder, or a file, less what clocks say."""
    paths = [out] if out.is_file() else sorted(p for p in out.rglob("*") if p.is_file())
    left = [p for p in out.rglob("*") if p.suffix in (".tmp", ".partial") or "unfinished" in p.name]
    assert not left, left
    return {str(p.relative_to(out)): _content(p, out) for p in paths if p.suffix not in (".md", ".html", ".svg")}


def _content(path: Path, out: Path) -> Any:
    if path.suffix == ".json":  # a recipe's stages name each other
        found = json.loads(path.read_text(encoding="utf-8").replace(str(out), "OUT"))
        if path.name == "run.json":
            found.pop("sha256", None)  # of the record, clocks and all
        return _without_clocks(found)
    if path.name == "metrics.jsonl":
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return sorted(json.dumps(_without_clocks(line), sort_keys=True) for line in lines)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_clocks(item) for name, item in value.items() if not CLOCKS.search(name)}
    return [_without_clocks(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def undisturbed(words: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[dict[str, Any], float]]:
    """Return a function that gives what a command makes and how many seconds it takes."""
    known: dict[str, tuple[dict[str, Any], float]] = {}

    def of(command: str) -> tuple[dict[str, Any], float]:
        if command not in known:
            begun = time.monotonic()
            found = Killing(command, words, tmp_path_factory.mktemp(command)).finish()
            known[command] = found, time.monotonic() - begun
        return known[command]

    return of


def kills(seed: int, seconds: float) -> Iterator[tuple[signal.Signals, float]]:
    """Yield signals and moments: as many of each signal as are asked for, in random order."""
    rng = random.Random(seed)
    numbers = list(SIGNALS) * KILLS
    rng.shuffle(numbers)
    for number in numbers:
        yield number, rng.uniform(0.02, seconds)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_killed_at_any_moment_ends_the_same(command, words, undisturbed, tmp_path):
    expected, seconds = undisturbed(command)
    rng, chain, wrong = random.Random(command), None, []
    for count, (number, moment) in enumerate(kills(len(command), seconds)):
        chain = chain or Killing(command, words, tmp_path / str(count))
        wrong.append(chain.kill(number, moment))
        if rng.random() < 0.4:  # as a rule some kills of the same run before it may end
            assert chain.finish() == expected
            chain = None
    if chain:
        assert chain.finish() == expected
    assert not any(wrong), "\n".join(filter(None, wrong))


def test_a_small_command_killed_in_each_way_ends_the_same(words, undisturbed, tmp_path):
    expected, seconds = undisturbed("clean")
    chain = Killing("clean", words, tmp_path / "clean")
    wrong = [chain.kill(number, moment) for number, moment in kills(1, seconds)]
    assert chain.finish() == expected
    assert not any(wrong), "\n".join(filter(None, wrong))
