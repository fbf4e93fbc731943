"""What `import mamebert` gives: typed, listed, lazy, and the same at every access."""

import os
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules, walk_packages

import pytest

import mamebert
from mamebert import stages
from mamebert.errors import UserError

SOURCE = Path(mamebert.__file__).parent.parent


def in_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_public_names_are_the_commands_their_settings_and_load():
    commands = [*stages.names(), "inspect"]
    assert sorted(mamebert.__all__) == sorted([*commands, *(f"{c.capitalize()}Config" for c in commands), "load"])
    assert set(mamebert.__all__) <= set(dir(mamebert))
    for command in commands:
        assert getattr(mamebert, f"{command.capitalize()}Config").command == command
        assert callable(getattr(mamebert, command))
    with pytest.raises(AttributeError, match="no attribute 'pretrian'"):
        _ = mamebert.pretrian


def test_no_module_has_the_name_of_a_function():
    assert not {each.name for each in iter_modules(mamebert.__path__)} & {*mamebert.__all__}


def test_every_name_stays_what_it_is_after_everything_is_imported():
    before = {name: getattr(mamebert, name) for name in mamebert.__all__}
    for module in walk_packages(mamebert.__path__, "mamebert."):
        if not module.name.endswith("__main__"):
            pytest.importorskip(module.name, exc_type=ImportError)
    assert {name: getattr(mamebert, name) for name in mamebert.__all__} == before


def test_the_import_brings_nothing_along():
    code = "import sys, mamebert; print(len(dir(mamebert)), *sorted({n.partition('.')[0] for n in sys.modules}))"
    assert not {"torch", "pydantic", "numpy", "typer"} & set(in_python(code).split())


SETTINGS = """
from pathlib import Path
import mamebert
from mamebert.encoder.settings import EncoderConfig

config = mamebert.VectorsConfig(output="x", shards=Path("y"), probe_words="bean", cbow={"epochs": 2})
mamebert.CleanConfig(output="x", sources=Path("y.txt"), cleaning={"normalise": "NFC"})
mamebert.CleanConfig(output="x", sources=["y", {"path": Path("z.conllu")}, {"kind": "python_docs"}])
mamebert.VocabConfig(output="x", corpus="y", vocabulary={"size": 80})
pretraining = mamebert.PretrainConfig(
    output="x", shards="y", training={"steps": 3, "peak_lr": 1}, encoder=EncoderConfig(hidden_size=8),
    embeddings={"vectors": Path("z")}, objective={"mask_rate": 0.2}, start_layers=(0, 1, 0, 1), start="s",
)
mamebert.FinetuneConfig(output="x", model="m", source="rows.csv", task="tagging", seeds=range(3))
mamebert.FinetuneConfig(
    output="x", models={"a": "m", "b": Path("n")}, train={"path": ["a.csv", Path("b.csv")]}, test="c.csv",
    tests={"d": "d.csv", "e": {"kind": "conllu", "path": "e"}}, task={"measure": "mcc", "text_columns": "text"},
    learning={"trainable": "top_layers", "top_layers": 2},
    search={"method": "optuna", "space": {"training": {"peak_lr": [1e-5]}, "dropout": {"low": 0, "high": 0.3}}},
)
mamebert.CompressConfig(
    output="x", model="m", source="y",
    method=[{"kind": "drop_layers", "drop": 1, "training": {"epochs": 1}}, {"kind": "qbert", "bits": 4}],
)
mamebert.CompressConfig(output="x", model="m", shards="y", method="q8bert", objective="masked_lm")
mamebert.EvaluateConfig(output="x", model="m", test="y", task={"text_columns": ["a"]})
mamebert.ReportConfig(output="x", runs=Path("y"))
looked_at = mamebert.InspectConfig(models={"N": Path("x")}, task="tagging")
"""
USE = """
from mamebert.serving.load import FillMask, Model
from mamebert.training.settings import Training

shards: Path = config.shards
training: Training = pretraining.training
steps: int = pretraining.training.steps
run: Path = mamebert.vectors(config).folder
fill: FillMask = mamebert.load("x", "fill-mask")
model: Model = mamebert.load(Path("x"), "task")
answers: list[dict[str, object]] = list(model(["a text"]))
either: FillMask | Model = mamebert.load("x")
mamebert.inspect(looked_at)
paths: dict[str, Path] = {"N": Path("x")}
mamebert.evaluate(mamebert.EvaluateConfig(output="x", models=paths))
"""
WRONG_SETTINGS = {
    'mamebert.PretrainConfig(output="x", shards="y", training={}, stepz=3)': 'Unexpected keyword argument "stepz"',
    'mamebert.PretrainConfig(output="x", shards="y", training={"stepz": 3})': "_TrainingSettings",
    'mamebert.PretrainConfig(output="x", shards="y", training={"steps": "many"})': "_TrainingSettings",
    'mamebert.PretrainConfig(output="x", shards="y", training={"schedule": "line"})': "_TrainingSettings",
    'mamebert.VectorsConfig(output="x")': 'Missing named argument "shards"',
    'mamebert.VectorsConfig(output="x", shards=["y"])': 'expected "str | Path"',
    'mamebert.VectorsConfig(output="x", shards="y", seed="one")': 'expected "int"',
    'mamebert.CleanConfig(output="x", sources={"path": "y", "text_colum": "z"})': "_Bunsetsu",
    'mamebert.CleanConfig(output="x", sources={"kind": "files"})': "_Bunsetsu",
    'mamebert.FinetuneConfig(output="x", model="m", source="y", task="taging")': "Literal['taging']",
    'mamebert.FinetuneConfig(output="x", model="m", source="y", task={"tags_column": "t"})': "_ClassificationByDefault",
    'mamebert.CompressConfig(output="x", model="m", method={"kind": "distil", "training": {"epoch": 1}})': "_Distil",
    'mamebert.CompressConfig(output="x", model="m", method="distil", objective={"mask_rate": 0.2})': "_MaskedLM",
}
WRONG_USE = {
    "mamebert.vectors(3)": 'expected "VectorsConfig"',
    "mamebert.vectros": 'has no attribute "vectros"',
    'mamebert.load("x", "task")("a text", top=3)': 'Unexpected keyword argument "top"',
    "config.seed = 3": "read-only",
}


def test_settings_are_taken_and_refused_when_they_run():
    names = {}
    exec(SETTINGS, names)
    assert (names["config"].probe_words, names["config"].cbow.epochs) == (["bean"], 2)
    for wrong in WRONG_SETTINGS:
        with pytest.raises(UserError):
            exec(wrong, names)


@pytest.mark.slow
def test_a_type_checker_takes_and_refuses_what_would_be_when_it_runs(tmp_path):
    pytest.importorskip("mypy")
    right, wrong = SETTINGS + USE, WRONG_SETTINGS | WRONG_USE
    (tmp_path / "script.py").write_text(right + "\n".join(wrong))
    examples = sorted(map(str, (SOURCE.parent / "examples").glob("*.py")))
    words = ["--strict", "--follow-imports=silent", "--no-error-summary", "script.py", *examples]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(SOURCE)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    first = right.count("\n") + 1
    errors = [line.split(":", 2) for line in done.stdout.splitlines() if ": error:" in line]
    told = {int(number): text for _, number, text in errors}
    assert {file for file, _, _ in errors} == {"script.py"}, done.stdout + done.stderr
    assert sorted(told) == list(range(first, first + len(wrong))), done.stdout + done.stderr
    for line, sentence in zip(sorted(told), wrong.values(), strict=True):
        assert sentence in told[line]
