"""A small invented world for tests: text, tokenizer, token shards and an encoder, made once by our own stages."""

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import hypothesis
import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import it by themselves too
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# Whoever runs the tests in the background of a script hands down that Ctrl-C is ignored; it means something here.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast a machine is, and what else it does, is no property of what is tested.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

WORLDS = {
    "garden": ["bean", "leaf", "root", "seed", "rain", "spade", "flower", "earth"],
    "harbour": ["boat", "rope", "tide", "sail", "anchor", "net", "gull", "pier"],
    "kitchen": ["pot", "flame", "salt", "bread", "spoon", "oven", "dough", "plate"],
}
ADJECTIVES, VERBS = ["old", "small", "wet", "bright"], ["holds", "meets", "leaves"]


def invent_text(num_documents: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return (world, document) pairs: the nouns come from the world, so both words and labels can be learnt."""
    rng = random.Random(seed)
    made = []
    for _ in range(num_documents):
        world = rng.choice(list(WORLDS))
        sentences = [
            f"The {rng.choice(ADJECTIVES)} {a} {rng.choice(VERBS)} the {b}."
            for a, b in (rng.sample(WORLDS[world], 2) for _ in range(rng.randint(2, 8)))
        ]
        made.append((world, " ".join(sentences)))
    return made


torch.set_num_threads(1)  # these sizes gain nothing from a second one, and lose much where the machine is busy


class Said(NamedTuple):
    """What a command line ended with."""

    code: int
    out: str
    err: str

    @property
    def mistake(self) -> str:
        """The sentence on stderr, after making sure that it is one line and what a user's mistake must look like."""
        lines = [line for line in self.err.splitlines() if line.startswith("mamebert: ")]
        assert (self.code, len(lines)) == (2, 1), self
        assert self.err.rstrip("\n").endswith(lines[0]), self.err
        assert "Traceback" not in self.err + self.out
        assert lines[0].count(". ") >= 1, f"only one sentence: {lines[0]}"
        return lines[0]


def pytest_collection_modifyitems(items):
    """Leave out what asks real data where there is none."""
    if not os.environ.get("MAMEBERT_DATA"):
        for item in items:
            if item.get_closest_marker("realdata"):
                item.add_marker(pytest.mark.skip(reason="MAMEBERT_DATA is not set"))


@pytest.fixture
def mamebert(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Return a function that runs a command line in this process; a dictionary stands for its key=value pairs."""
    from mamebert.cli import main

    def run(*words: object) -> Said:
        spelt = [each for word in words for each in (_pairs(word) if isinstance(word, dict) else [str(word)])]
        monkeypatch.setattr(sys, "argv", ["mamebert", *spelt])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Said(code, *capsys.readouterr())

    return run


def _pairs(settings: dict[str, object]) -> list[str]:
    return [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()]


def _believe(patch: pytest.MonkeyPatch) -> None:
    for stage in ("pretrain.pretraining", "finetune.finetuning", "compress.judging"):
        patch.setattr(f"mamebert.stages.{stage}.verify", lambda folders, *_: {str(folder): 0.0 for folder in folders})


@pytest.fixture
def unproved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save models without the proof in a fresh process, which takes seconds: tests/checkpoints asks for that."""
    _believe(monkeypatch)


def _minimal_pairs(number: int) -> Iterator[str]:
    """Yield rows with a sentence and what it is with its words in another order."""
    for place, (world, text) in enumerate(invent_text(number, seed=2)):
        sentence = text.partition(".")[0]
        words = sentence.split()
        bad = " ".join(words[::-1] if place % 2 else words[-1:] + words[:-1])
        paradigm = f"{world} {'reversed' if place % 2 else 'turned'}"
        row = {"sentence_good": f"{sentence}.", "sentence_bad": f"{bad}.", "UID": paradigm, "linguistics_term": world}
        yield json.dumps(row) + "\n"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with finished runs `clean`, `vocab`, `tokens`, `vectors` and the labelled file rows.jsonl."""
    from mamebert.config import build
    from mamebert.stages import find

    folder = tmp_path_factory.mktemp("world")
    pairs = invent_text(300)
    (folder / "text.txt").write_text("\n\n".join(text for _, text in pairs), encoding="utf-8")
    rows = [f'{{"text": "{text}", "label": "{world}"}}\n' for world, text in invent_text(120, seed=1)]
    (folder / "rows.jsonl").write_text("".join(rows), encoding="utf-8")
    (folder / "pairs.jsonl").write_text("".join(_minimal_pairs(24)), encoding="utf-8")
    (folder / "many_pairs.jsonl").write_text("".join(_minimal_pairs(600)), encoding="utf-8")
    for command, name, settings in (
        ("clean", "clean", {"sources": str(folder / "text.txt"), "processes": 1}),
        (
            "vocab",
            "vocab",
            {"corpus": folder / "clean", "vocabulary": {"size": 80, "min_frequency": 1}, "processes": 1},
        ),
        (
            "tokenize",
            "tokens",
            {"corpus": folder / "clean", "tokenizer": folder / "vocab", "heldout_rate": 0.1, "processes": 1},
        ),
        ("vectors", "vectors", {"shards": folder / "tokens", "cbow": {"vector_size": 32, "epochs": 2, "processes": 1}}),
    ):
        kind, work = find(command)
        work(build(kind, {"output": folder / name, **settings}))
    return folder


@pytest.fixture(scope="session")
def asking(world: Path) -> Callable[..., dict[str, object]]:
    """Return a function giving the settings of an objective of some kind, with what it cannot do without."""
    more = {"task_driven_lm": {"source": str(world / "rows.jsonl"), "task_every": 2}}
    return lambda kind, **settings: {"kind": kind, "max_length": 32, **more.get(kind, {}), **settings}


@pytest.fixture(scope="session")
def tiny() -> dict[str, object]:
    """Return pretraining settings that take about a second, with BERT's own numbers for what size else decides."""
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}
    return {
        "encoder": {**shape, "initializer_range": 0.02, "hidden_dropout_prob": 0.1},
        "positions": {"init": "normal"},
        "objective": {"max_length": 32, "mask_rate": 0.15},
        "training": {"steps": 12, "batch_tokens": 256, "peak_lr": 1e-3, "precision": "float32"},
        "evaluate_every": 5,
        "record_every": 1,
    }


@pytest.fixture(scope="session")
def encoders(world: Path, tiny: dict[str, object]) -> Callable[[str], Path]:
    """Return a function giving the run folder of a pretrained encoder, "N" or "W", made when first asked for."""
    from mamebert.config import build
    from mamebert.stages.pretrain import pretrain
    from mamebert.stages.pretrain.settings import PretrainConfig

    def made(name: str) -> Path:
        embeddings = {"vectors": world / "vectors"} if name == "W" else {}
        settings = {
            **tiny,
            "shards": world / "tokens",
            "output": world / f"encoder-{name}",
            "embeddings": embeddings,
            "keep_models": 2,
            "probe_texts": ["The old [MASK] holds the boat ."],
        }
        with pytest.MonkeyPatch.context() as patch:
            _believe(patch)
            return pretrain(build(PretrainConfig, settings)).folder

    return made


@pytest.fixture(scope="session")
def finetuning(world: Path, encoders: Callable[[str], Path]) -> dict[str, object]:
    """Return fine-tuning settings, all but the output, that take about two seconds: N and W, three seeds each."""
    return {
        "models": {"N": encoders("N"), "W": encoders("W")},
        "source": str(world / "rows.jsonl"),
        "split": {"train": 0.4, "valid": 0.2},
        "task": {"max_length": 32},
        "training": {"epochs": 6, "batch_tokens": 64, "peak_lr": 3e-3, "precision": "float32"},
        "patience": 2,
        "baselines": "word",
    }


@pytest.fixture(scope="session")
def classifiers(world: Path, finetuning: dict[str, object]) -> Path:
    """Return the run folder of a finished fine-tuning."""
    from mamebert.config import build
    from mamebert.stages.finetune import finetune
    from mamebert.stages.finetune.settings import FinetuneConfig

    with pytest.MonkeyPatch.context() as patch:
        _believe(patch)
        return finetune(build(FinetuneConfig, {**finetuning, "output": world / "classifiers"})).folder


class Toys:
    """A fine-tuned classifier and a pretrained encoder (4 layers, hidden 32, 4 heads), with benches to compress on."""

    quick: ClassVar[dict[str, object]] = {"batch_tokens": 256, "peak_lr": 2e-3, "precision": "float32"}

    def __init__(self, world: Path, scratch: Path) -> None:
        from mamebert.compression.bench import RowsBench, TextBench
        from mamebert.training.settings import Training

        self.world = world
        self.classifier, self.rows = self._classifier()
        bench = RowsBench(self.classifier, 1, scratch, torch.device("cpu"), self.rows)
        bench.learn(self.classifier, Training(epochs=12, **self.quick))
        assert bench.scores[-1] > 0.9, "the toy classifier has to be right about nearly every row"
        self.encoder = self._encoder()
        bench = TextBench(self.encoder, 1, scratch, torch.device("cpu"), world / "tokens", 2000)
        bench.learn(self.encoder, Training(steps=60, **self.quick))

    def _classifier(self) -> tuple[Any, dict[str, Any]]:
        from mamebert.compression.contract import Subject
        from mamebert.compression.goals import TaskGoal
        from mamebert.corpus.readers import Reader
        from mamebert.encoder.readings import Reading
        from mamebert.labelled.rows import Split, parted, read_examples
        from mamebert.tasks import Task

        task = Task.find("classification")(max_length=48)
        examples, _ = read_examples(task, Reader.find("files")(path=str(self.world / "rows.jsonl")))
        parts = parted(task, Split(train=0.5, valid=0.25), examples)
        goal = TaskGoal(task, task.learn(parts.train), Reading())
        torch.manual_seed(3)
        return Subject(self._network(goal), goal, self.world / "vocab" / "tokenizer"), parts._asdict()

    def _encoder(self) -> Any:
        from mamebert.compression.contract import Subject
        from mamebert.compression.goals import MaskedWords
        from mamebert.objectives import Objective

        goal = MaskedWords(Objective.find("masked_lm")(max_length=32))
        torch.manual_seed(4)
        return Subject(self._network(goal), goal, self.world / "tokens" / "tokenizer")

    def _network(self, goal: Any) -> Any:
        from mamebert.encoder.settings import EncoderConfig

        shape = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64}
        tokens = (self.world / "tokens" / "tokenizer" / "vocab.txt").read_text(encoding="utf-8").splitlines()
        return goal.network(EncoderConfig(**shape, initializer_range=0.1), len(tokens))


@pytest.fixture(scope="session")
def toys(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Toys:
    """Return the toys; tests take copies."""
    return Toys(world, tmp_path_factory.mktemp("toys"))


@pytest.fixture
def classifier(toys: Toys) -> Any:
    """Return a fine-tuned subject that the test may change."""
    return deepcopy(toys.classifier)


@pytest.fixture
def encoder(toys: Toys) -> Any:
    """Return a pretrained subject that the test may change."""
    return deepcopy(toys.encoder)


@pytest.fixture
def rows_bench(toys: Toys, tmp_path: Path) -> Any:
    """Return a bench whose teacher is the classifier."""
    from mamebert.compression.bench import RowsBench

    return RowsBench(deepcopy(toys.classifier), 1, tmp_path, torch.device("cpu"), toys.rows)


@pytest.fixture
def text_bench(toys: Toys, world: Path, tmp_path: Path) -> Any:
    """Return a bench whose teacher is the encoder."""
    from mamebert.compression.bench import TextBench

    return TextBench(deepcopy(toys.encoder), 1, tmp_path, torch.device("cpu"), world / "tokens", 2000)


@pytest.fixture
def quick() -> dict[str, object]:
    """Return settings of a training that takes a second: add epochs or steps."""
    return Toys.quick
