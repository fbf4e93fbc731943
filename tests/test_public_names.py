"""What `import mamebert` gives: typed, listed, lazy, and the same at every access."""

import os
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules, walk_packages

import pytest

import mamebert
from mamebert import stages

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


SCRIPT = """
from pathlib import Path
import mamebert
from mamebert.serving.load import FillMask, Model

config = mamebert.VectorsConfig(output=Path("x"), shards=Path("y"), probe_words=["bean"])
shards: Path = config.shards
run: Path = mamebert.vectors(config).folder
fill: FillMask = mamebert.load("x", "fill-mask")
model: Model = mamebert.load(Path("x"), "task")
answers: list[dict[str, object]] = list(model(["a text"]))
either: FillMask | Model = mamebert.load("x")
mamebert.inspect(mamebert.InspectConfig(models={"N": Path("x")}))
"""
WRONG = {
    'mamebert.PretrainConfig(output=Path("x"), shards=Path("y"), stepz=3)': 'Unexpected keyword argument "stepz"',
    'mamebert.VectorsConfig(output=Path("x"))': 'Missing named argument "shards"',
    'mamebert.VectorsConfig(output=Path("x"), shards=Path("y"), seed="one")': 'expected "int"',
    "mamebert.vectors(3)": 'expected "VectorsConfig"',
    "mamebert.vectros": 'has no attribute "vectros"',
    'mamebert.load("x", "task")("a text", top=3)': 'Unexpected keyword argument "top"',
    "config.seed = 3": "read-only",
}


@pytest.mark.slow
def test_a_type_checker_refuses_what_would_be_refused_when_it_runs(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(SCRIPT + "\n".join(WRONG))
    words = ["--strict", "--follow-imports=silent", "--no-error-summary", "script.py"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(SOURCE)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    first = SCRIPT.count("\n") + 1
    told = {int(line.split(":")[1]): line for line in done.stdout.splitlines() if ": error:" in line}
    assert sorted(told) == list(range(first, first + len(WRONG))), done.stdout + done.stderr
    for line, sentence in zip(sorted(told), WRONG.values(), strict=True):
        assert sentence in told[line]
