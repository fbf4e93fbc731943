"""What `pip install` puts on a machine: everything the package needs, and nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "mamebert"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return a wheel, built from a copy: a build leaves folders behind."""
    pytest.importorskip("setuptools", minversion="77")
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(PACKAGE, source / "src" / "mamebert", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    words = ["pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(made), str(source)]
    subprocess.run([sys.executable, "-m", *words], check=True)
    (found,) = made.iterdir()
    return found


def test_it_holds_the_whole_package_and_no_tests(wheel):
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {
        f"mamebert/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == ours
    assert {
        "mamebert/py.typed",
        "mamebert/__init__.pyi",
        "mamebert/kernels/source/attention.cpp",
        "mamebert/reports/templates/style.css",
    } <= ours


def test_it_works_away_from_the_checkout(wheel, tmp_path):
    ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "text.txt").write_text("The old bean holds the leaf. The wet boat meets the rope.\n")
    place = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}

    def said(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=place, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(tmp_path / "site") in said("-c", "import mamebert; print(mamebert.__file__)")
    assert said("-m", "mamebert", "clean", "sources=text.txt", "output=clean", "processes=1").strip() == "clean"
    assert "torch" in said("-m", "mamebert", "doctor")
