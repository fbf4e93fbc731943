"""Every command and every Python snippet of README and docs/, on small invented inputs.

A fenced block of `bash` or `python` is run, in the order of its page, in one folder for each page. A block with a title
is a file of that name. One that cannot be run here begins with the line `# not run: REASON`, for readers to see too.
Blocks of `text` show what was printed. `sh` and `py` ask a server, and are run beside one: tests/server/test_docs.py.
"""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import invent_text

from mamebert import stages
from mamebert.compression import methods
from mamebert.config import build, read_settings, with_environment

ROOT = Path(__file__).parents[2]
RECORDS = ("decisions", "lab.md", "plan.md")  # dated: they are of the day they were written
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.relative_to(ROOT / "docs").parts[0] not in RECORDS),
]
NOT_RUN = "# not run: "
MOST_NOT_RUN = 8
METHODS = "src/mamebert/compression/methods"
LOOKED_AT = ("pip", "pipx", "uvx", "make")  # by tests of their own
# What takes minutes on a reader's text takes seconds on ours.
SMALLER = (
    (r"vocabulary\.size=\d{4,}", "vocabulary.size=80 vocabulary.min_frequency=1"),
    (r"^vocabulary\.size = \d+", "vocabulary = { size = 80, min_frequency = 1 }"),
    (r"training\.steps ?= ?\d+", "training.steps=4"),
    (r"max_rows=\d+", "max_rows=60"),
    (r'packages = \["numpy", "scipy", "pandas"\]', 'packages = ["jinja2", "typer", "pygments"]'),
)
QUICK = {
    "pretrain": ("training.batch_tokens=256",),
    "contrast": ("tokens=3000", "pairs=8"),
    "finetune": ("training.epochs=1", "seeds=[1]", "baselines=none"),
    "compress": ("seeds=[1]", "measure_seconds=0", "heldout_tokens=500"),
}
BLOCK = re.compile(r"^( *)```(\S+)?([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: Path
    language: str
    title: str
    text: str

    @property
    def is_run(self):
        return self.language in ("bash", "python") and not self.text.startswith(NOT_RUN)

    @property
    def commands(self):
        lines = self.text.replace("\\\n", " ").splitlines() if self.language == "bash" else []
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks_of(page):
    for indent, language, rest, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        title = re.search(r'title="([^"]+)"', rest)
        plain = re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
        yield Block(page, language, title[1] if title else "", plain)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def named(page):
    return str(page.relative_to(ROOT))


def test_every_block_says_what_it_is():
    of_server = {block.page.name for block in BLOCKS if block.language in ("sh", "py")}
    assert of_server == {"serving.md"}
    shown = {"toml", "json", "csv", "text", "bibtex", "ini", "dockerfile"}
    assert {block.language for block in BLOCKS} <= {"bash", "python", "sh", "py"} | shown


def test_few_blocks_are_not_run_and_they_say_why():
    left_out = [block for block in BLOCKS if block.text.startswith(NOT_RUN)]
    assert len(left_out) <= MOST_NOT_RUN
    assert all(len(block.text.splitlines()[0]) > len(NOT_RUN) + 10 for block in left_out)


def test_every_command_is_one_of_ours():
    from mamebert.cli import app

    ours = {command.name for command in app.registered_commands}
    for block in BLOCKS:
        for words in block.commands:
            if words[0] == "mamebert":
                assert words[1] in ours, f"{named(block.page)}: {words}"


def test_settings_in_commands_are_understood():
    for words in (words for block in BLOCKS for words in block.commands if block.is_run):
        is_stage = words[0] == "mamebert" and words[1] in stages.names()
        # keep_ends is what a reader of that page has just written.
        if is_stage and "method=keep_ends" not in words and not any(word.startswith("--") for word in words):
            pairs = [word for word in words[2:] if not word.endswith(".toml")]
            build(stages.find(words[1])[0], with_environment(read_settings(pairs)))


def test_install_and_make_lines_name_what_there_is():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for words in (words for block in BLOCKS for words in block.commands):
        if words[0] in ("pip", "pipx", "uvx"):
            asked = {
                extra.strip() for word in words for part in re.findall(r"\[(.+)\]", word) for extra in part.split(",")
            }
            assert asked <= set(extras), words
        if words[0] == "make":
            subprocess.run(["make", "-n", "-C", str(ROOT), *words[1:]], check=True, capture_output=True)


def test_files_that_commands_name_are_there():
    for words in (words for block in BLOCKS for words in block.commands):
        for word in words:
            if word.startswith(("recipes/", "benchmarks/", "examples/")) and "$" not in word:
                assert (ROOT / word.strip(";")).is_file(), words


def test_python_that_is_shown_can_be_compiled():
    for block in BLOCKS:
        if block.language == "python":
            compile(block.text, named(block.page), "exec")


class Session:
    """A folder in which the blocks of pages are carried out, one after the other."""

    def __init__(self, folder, mamebert, patch):
        self.folder, self.mamebert, self.patch = folder, mamebert, patch
        for name in ("recipes", "examples", "benchmarks"):
            if not (folder / name).exists():
                (folder / name).symlink_to(ROOT / name)
        patch.chdir(folder)
        patch.setattr(methods, "__path__", [*methods.__path__, str(folder / METHODS)])

    def read(self, page):
        for block in blocks_of(page):
            if block.title and not block.text.startswith(NOT_RUN):
                self.write(block)
            elif block.is_run and block.language == "python":
                self.python(block)
            elif block.is_run:
                for words in block.commands:
                    self.command(words)

    def write(self, block):
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(smaller(block.text), encoding="utf-8")

    def command(self, words):
        match words[0]:
            case "mamebert":
                known = shlex.split(smaller(shlex.join(words[1:])))
                quick = () if "--settings" in known else QUICK.get(words[1], ())
                said = self.mamebert(*known, *quick)
                assert said.code == 0, f"{shlex.join(words)}\n{said.err[-2000:]}"
            case "export":
                name, _, value = words[1].partition("=")
                self.patch.setenv(name, os.path.expandvars(value))
            case other if other not in LOOKED_AT:
                pytest.fail(f"No test knows how to run {other!r}. Write it otherwise, or begin with {NOT_RUN!r}.")

    def python(self, block):
        script = self.folder / "snippet.py"
        script.write_text(block.text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stderr[-2000:]}"


def smaller(text):
    for pattern, replacement in SMALLER:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Return a folder with a text and labelled rows, as the README's reader has them; what its commands leave stays."""
    folder = tmp_path_factory.mktemp("reader")
    text = "\n\n".join(text for _, text in invent_text(150))
    (folder / "my.txt").write_text(text, encoding="utf-8")
    rows = [f"{text},{world}\n" for world, text in invent_text(40, seed=1)]
    (folder / "rows.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def session(reader, mamebert, unproved, monkeypatch):
    """Return a session in the reader's folder, after the README's commands."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = Session(reader, mamebert, monkeypatch)
    if not (reader / "runs" / "encoder").exists():
        found.read(ROOT / "README.md")
    return found


@pytest.mark.slow
def test_the_readme_does_what_it_says(session):
    assert (session.folder / "runs" / "report" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=named)
def test_a_page_does_what_it_says(session, page, tmp_path, monkeypatch):
    if page.name == "quickstart.md":  # it makes everything itself
        session = Session(tmp_path, session.mamebert, monkeypatch)
    session.read(page)
