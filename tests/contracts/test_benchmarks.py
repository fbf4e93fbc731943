"""Every benchmark has a quick run that ends with one JSON line and leaves the kept results alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("[!_]*.py") if path.name != "plot.py")


def kept():
    return {path.name: path.read_bytes() for path in (FOLDER / "results").glob("*.json")}


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_quick_run_ends_with_one_json_line(script):
    before = kept()
    done = subprocess.run(
        [sys.executable, script, "--quick"],
        cwd=FOLDER,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *_, last = done.stdout.strip().splitlines()
    assert isinstance(json.loads(last), dict)
    assert kept() == before


def test_every_kept_result_has_a_benchmark_that_makes_it():
    assert {path.stem for path in (FOLDER / "results").glob("*.json")} <= {Path(name).stem for name in SCRIPTS}


@pytest.mark.slow
def test_the_pictures_are_those_of_the_kept_results(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import plot

    monkeypatch.setattr(plot, "IMAGES", tmp_path)
    plot.main()
    drawn = sorted(tmp_path.glob("*.svg"))
    assert drawn
    for picture in drawn:
        kept = FOLDER.parent / "docs" / "images" / picture.name
        assert picture.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8")
