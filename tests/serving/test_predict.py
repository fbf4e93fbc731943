import io
import json
import os
from pathlib import Path

import pytest

from mamebert.errors import UserError
from mamebert.serving.load import load
from mamebert.serving.predict import answered, predict
from mamebert.serving.rows import rows_of

TEXTS = ["The old boat meets the rope.", "", "The small bean holds the leaf."]


@pytest.fixture(scope="module")
def model(classifiers):
    return load(classifiers / "models" / "N")


def test_bare_texts_are_echoed_and_rows_are_named(model):
    answers = model(TEXTS)
    assert list(answered(model, TEXTS)) == [{"text": t, **a} for t, a in zip(TEXTS, answers, strict=True)]
    rows = [{"id": f"x{n}", "text": text, "label": "sea"} for n, text in enumerate(TEXTS)]
    named = [{"row": n, "id": f"x{n}"} | ({"text": t} if t else {}) for n, t in enumerate(TEXTS)]
    assert list(answered(model, rows)) == [{**name, **a} for name, a in zip(named, answers, strict=True)]


def test_a_stream_is_answered_as_it_comes(model):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield TEXTS[0]

    stream = model.stream(endless(), at_a_time=4)
    assert [next(stream) for _ in range(6)] == model(TEXTS[0]) * 6
    assert len(taken) == 8


def test_the_file_gets_its_name_when_everything_is_in_it(model, tmp_path, capsys):
    out = tmp_path / "answers.jsonl"

    def broken():
        yield from TEXTS
        raise UserError("The row is odd. Fix it.")

    with pytest.raises(UserError, match="odd"):
        predict(model, broken(), out, show_progress=False)
    assert not out.exists()
    predict(model, TEXTS, out, show_progress=True)
    assert [json.loads(line) for line in out.read_text().splitlines()] == list(answered(model, TEXTS))
    assert os.listdir(tmp_path) == ["answers.jsonl"]
    told = capsys.readouterr()
    assert told.out == ""
    assert "predict: 3 rows" in told.err
    assert "Rows not answered: 1 with no text; 2 are answered." in told.err


def test_a_place_where_no_file_can_be_is_refused_before_any_row_is_read(model, tmp_path):
    for out, why in ((tmp_path, "a folder of this name"), (tmp_path / "no" / "a.jsonl", "no folder")):
        with pytest.raises(UserError, match=why):
            predict(model, iter([1 / 1]), out, show_progress=False)


def test_what_was_not_read_of_long_texts_is_told(model, tmp_path, capsys):
    predict(model, [*TEXTS, "The old boat meets the rope. " * 40], tmp_path / "out.jsonl", show_progress=False)
    assert "only the beginning was read: 1." in capsys.readouterr().err


def test_long_texts_are_held_a_few_at_a_time(model, monkeypatch):
    monkeypatch.setattr("mamebert.serving.load.CHARACTERS_AT_A_TIME", 100)
    taken = []

    def coming():
        for _ in range(50):
            taken.append(1)
            yield "The old boat meets the rope."

    next(model.stream(coming()))
    assert len(taken) == 4


def test_an_endless_line_of_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr("mamebert.serving.rows.MAX_LINE_BYTES", 1000)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"short\n" + b"x" * 5000)))
    rows = rows_of(Path("-"), {})
    assert next(rows) == "short"
    with pytest.raises(UserError, match="Line 2 of standard input is longer than 1,000 bytes"):
        next(rows)
