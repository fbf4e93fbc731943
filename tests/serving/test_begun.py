"""Predictions that were killed go on where they stopped, with the file that they would have made."""

import json
import os
import subprocess
import sys
import time

import pytest

from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.serving.begun import Begun
from mamebert.serving.load import load
from mamebert.serving.predict import predict

TEXTS = ["The old boat meets the rope.", "", "The small bean holds the leaf."] * 5


@pytest.fixture(scope="module")
def folder(classifiers):
    return classifiers / "models" / "N"


@pytest.fixture(scope="module")
def model(folder):
    return load(folder)


@pytest.fixture
def asked(folder, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{text}\n" for text in TEXTS))

    def of(**settings):
        return Begun.by(folder, texts, **settings)

    return of


def killed_after(model, begun, out, num_rows):
    def coming():
        yield from TEXTS[:num_rows]
        raise UserError("The row is odd. Fix it.")

    model_of_few = type("Few", (), {"__getattr__": lambda _, name: getattr(model, name)})()
    model_of_few.pairs = lambda items, skip: model.pairs(items, 4, skip)
    with pytest.raises(UserError, match="odd"):
        predict(model_of_few, coming(), out, False, "jsonl", begun)


def test_it_goes_on_behind_whole_lines_with_the_same_file_at_the_end(model, asked, tmp_path, capsys):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    predict(model, TEXTS, whole, False)
    capsys.readouterr()
    killed_after(model, asked(), out, 8)
    assert "8 answers are in" in (said := capsys.readouterr().err)
    assert "goes on behind them" in said
    with partial(out).open("a") as file:
        file.write('{"text": "The sm')  # where it was killed
    met = []
    model_that_tells = type("Telling", (), {"__getattr__": lambda _, name: getattr(model, name)})()
    model_that_tells.pairs = lambda items, skip: met.append(skip) or model.pairs(items, skip=skip)
    predict(model_that_tells, TEXTS, out, False, "jsonl", asked())
    assert met == [8]
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["out.jsonl", "texts.txt", "whole.jsonl"]
    said = capsys.readouterr().err
    assert "8 answers are in" in said
    assert "Rows not answered: 5 with no text; 10 are answered." in said


def test_answers_to_anything_else_are_begun_anew(model, asked, folder, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    others = [asked(precision="int8"), Begun(), Begun.by(folder, tmp_path)]
    for other in others:
        killed_after(model, asked(), out, 8)
        capsys.readouterr()
        predict(model, TEXTS, out, False, "jsonl", other)
        assert "already" not in capsys.readouterr().err
        assert sorted(os.listdir(tmp_path)) == ["out.jsonl", "texts.txt"]
    killed_after(model, asked(), out, 8)
    os.utime(tmp_path / "texts.txt", (1, 1))  # written anew
    predict(model, TEXTS, out, False, "jsonl", asked())
    assert "already" not in capsys.readouterr().err


def test_a_damaged_note_and_a_damaged_line_are_no_answers(model, asked, tmp_path):
    out = tmp_path / "out.jsonl"
    killed_after(model, asked(), out, 8)
    note = tmp_path / "out.jsonl.partial.json"
    told = note.read_bytes()
    for damage in (b"", b"[1]", b"\xff", told[:-3]):
        note.write_bytes(damage)
        begun = asked()
        with partial(out).open("a") as file:
            begun.take_up(file, partial(out))
        assert begun.num_rows == 0
        killed_after(model, asked(), out, 8)
    lines = partial(out).read_bytes().splitlines(keepends=True)
    partial(out).write_bytes(b"".join(lines[:3]) + b"\0" * 40 + b"\n" + b"".join(lines[4:]))
    predict(model, TEXTS, out, False, "jsonl", asked())
    assert [json.loads(line)["text"] for line in out.read_text().splitlines()] == TEXTS


def test_a_table_is_the_same_when_it_was_begun_before(model, asked, tmp_path):
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    predict(model, TEXTS, whole, False, "csv")
    killed_after(model, asked(), out, 4)
    predict(model, TEXTS, out, False, "csv", asked())
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["out.csv", "texts.txt", "whole.csv"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_kill_minus_nine_changes_nothing(folder, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{'The old boat meets the rope. ' * (n % 7)}\n" for n in range(20_000)))
    words = [sys.executable, "-m", "mamebert", "predict", str(folder), "--file", str(texts), "--out"]
    assert subprocess.run([*words, str(tmp_path / "whole.jsonl")], check=False).returncode == 0
    out, num_kills = tmp_path / "out.jsonl", 0
    while not out.exists():
        child = subprocess.Popen([*words, str(out)], stderr=subprocess.DEVNULL)
        size = partial(out).stat().st_size if partial(out).exists() else 0
        while child.poll() is None and not (partial(out).exists() and partial(out).stat().st_size > size + 100_000):
            time.sleep(0.01)
        num_kills += child.poll() is None
        child.kill()
        child.wait()
    assert num_kills >= 3
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
