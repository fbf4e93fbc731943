"""What docs/serving.md shows is run: curl lines, Python, and the files it offers."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.conftest import serving

from mamebert.cli.serve_words import serve_settings
from mamebert.config import build
from mamebert.server.settings import ServeConfig

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


def blocks(language):
    return re.findall(rf"^```{language}[^\n]*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


LINES = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def shown(toy_folders, workers_are_threads):
    """Return a server with the models that the page names."""
    words = toy_folders["words"]
    models = {"labels": toy_folders["multi_label"], "words": words, "vectors": words}
    with serving(models, kinds={"vectors": "sentence_embeddings"}) as reached:
        yield reached


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("curl")])
def test_curl_lines_are_answered(line, shown):
    words = [word.replace(ADDRESS, shown.url) for word in shlex.split(line)]
    said = subprocess.run([*words, "-s", "--fail-with-body"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
    assert json.loads(said.stdout)


@pytest.mark.parametrize("code", blocks("py"))
def test_python_is_answered(code, shown, monkeypatch):
    pytest.importorskip(code.split()[1], reason="the client is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    program = [sys.executable, "-c", code.replace(ADDRESS, shown.url)]
    said = subprocess.run(program, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()


def test_commands_are_understood():
    (line,) = [line for line in LINES if line.startswith("mamebert serve")]
    config = build(ServeConfig, serve_settings(shlex.split(line)[2:]))
    assert list(config.models) == ["labels", "words"]


def test_the_files_are_what_they_should_be():
    (docker,), (unit,) = blocks("dockerfile"), blocks("ini")
    steps = [line.split()[0] for line in re.sub(r"\\\n", " ", docker).splitlines() if line and line[0] != "#"]
    assert steps.index("USER") > steps.index("RUN")
    assert "-slim" in docker.splitlines()[0]
    command = json.loads(docker.rpartition("\nCMD ")[2])
    assert list(build(ServeConfig, serve_settings(command)).models.values()) == [Path("/models/model")]
    service = configparser.ConfigParser(strict=False, interpolation=None)
    service.read_string(unit)
    assert service["Service"]["ExecStart"].split()[1] == "serve"
