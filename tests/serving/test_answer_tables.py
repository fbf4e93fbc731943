import csv
import io
import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from mamebert.errors import UserError
from mamebert.serving import answer_tables
from mamebert.serving.answer_tables import format_of, write_table

ROWS = [
    {"row": 0, "id": "a", "text": '豆, "quoted"\nand more\t', "label": "sea", "probability": 1},
    {"row": 1, "id": 7, "vector": [1.5, 2], "entities": [{"start": 0, "end": 1}], "probability": 0.25},
    {"row": 2, "unanswered": "no text", "vector": [], "entities": [], "spans": {"a": 1}},
    {"row": 3, "text": "half \ud800", "label": None, "vector": [0.5]},
]


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "answers.jsonl"
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    return path


@pytest.fixture(params=[2, 4096])
def at_a_time(request, monkeypatch):
    monkeypatch.setattr(answer_tables, "ROWS_AT_A_TIME", request.param)


@pytest.mark.parametrize(("form", "separator"), [("csv", ","), ("tsv", "\t")])
def test_separated_values_have_every_column_that_any_row_has(lines, form, separator):
    made = io.BytesIO()
    write_table(lines, form, made)
    found = list(csv.DictReader(io.StringIO(made.getvalue().decode(), newline=""), delimiter=separator))
    assert list(found[0]) == [
        "row", "id", "text", "label", "probability", "vector", "entities", "unanswered", "spans"
    ]  # fmt: skip
    assert [row["text"] for row in found] == [ROWS[0]["text"], "", "", "half \\ud800"]
    assert json.loads(found[1]["entities"]) == ROWS[1]["entities"]
    assert (found[1]["vector"], found[2]["unanswered"], found[3]["label"]) == ("[1.5, 2]", "no text", "")


def test_parquet_has_types_that_hold_every_row(lines, at_a_time):
    made = io.BytesIO()
    write_table(lines, "parquet", made)
    table = pq.read_table(io.BytesIO(made.getvalue()))
    types = {field.name: str(field.type) for field in table.schema}
    assert types["row"] == "int64"
    assert types["probability"] == "double"
    assert types["vector"] in ("list<element: double>", "list<item: double>")
    assert {types[name] for name in ("id", "text", "entities", "spans", "label")} == {"string"}
    assert table.column("id").to_pylist() == ["a", "7", None, None]
    assert table.column("vector").to_pylist() == [None, [1.5, 2.0], [], [0.5]]
    assert json.loads(table.column("entities").to_pylist()[1]) == ROWS[1]["entities"]
    assert table.column("text").to_pylist()[3] == "half \\ud800"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_no_rows_are_a_table_without_rows(tmp_path, form):
    (tmp_path / "none").write_text("")
    made = io.BytesIO()
    write_table(tmp_path / "none", form, made)
    assert made.getvalue() if form == "parquet" else made.getvalue() == b"\n"


def test_the_ending_tells_the_format_unless_it_is_asked_for(tmp_path):
    assert [format_of(tmp_path / name, None) for name in ("a.csv", "a.PARQUET", "a.tsv", "a.txt", "a")] == [
        "csv", "parquet", "tsv", "jsonl", "jsonl"
    ]  # fmt: skip
    assert (format_of(tmp_path / "a.csv", "jsonl"), format_of(None, None)) == ("jsonl", "jsonl")
    with pytest.raises(UserError, match="xlsx"):
        format_of(None, "xlsx")


def test_a_table_goes_to_standard_output_too(classifiers, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("The old boat meets the rope.\n\n")
    words = [sys.executable, "-m", "mamebert", "predict", classifiers / "models" / "N", "--file", texts]
    done = subprocess.run([*words, "--format", "csv", "--out", "/dev/stdout"], capture_output=True, check=True)
    assert [row["text"] for row in csv.DictReader(io.StringIO(done.stdout.decode()))] == [
        "The old boat meets the rope.", ""
    ]  # fmt: skip
