import json
from pathlib import Path

import pytest

from mamebert.config import build
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError

JAPANESE = "港の船,港\n豆の花,庭\n"


def kept_of(path, content, **settings):
    """What is kept of the reader of a training file."""
    path.write_bytes(content.encode(settings.get("encoding", "utf-8")))
    return Kept.of(build(Reader, {"path": str(path), **settings}))


def read(kept, path, columns=("text",), **given):
    """The rows of a new file, and what is told of how it is read."""
    settings, told = kept.completed(path, given, columns)
    return list(build(Reader, {"path": str(path), **settings}).rows()), told


def written(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return path


def test_what_is_kept_is_how_rows_are_written_and_not_which(tmp_path):
    kept = kept_of(
        tmp_path / "a.txt",
        "s;l;d\nport;a;train\n",
        format="csv",
        separator=";",
        columns={"text": "s"},
        where={"d": "train"},
    )
    assert kept.settings == {"kind": "files", "format": "csv", "separator": ";", "columns": {"text": "s"}}
    assert kept.endings == (".txt",)
    assert str(tmp_path) not in json.dumps(kept.as_json())
    assert Kept.read(json.loads(json.dumps(kept.as_json())), tmp_path) == kept


@pytest.mark.parametrize("reader", [None, {"kind": "huggingface", "name": "x/y"}])
def test_nothing_is_kept_where_no_file_was_read(reader):
    assert Kept.of(build(Reader, reader) if reader else None) == Kept()


def test_documents_of_text_leave_nothing(tmp_path):
    assert kept_of(tmp_path / "a.txt", "One.\n\nTwo.\n") == Kept()


@pytest.mark.parametrize("name", ["new.txt", "new.dat", "new"])
def test_an_ending_that_tells_nothing_else_is_read_as_in_training(tmp_path, name):
    kept = kept_of(tmp_path / "a.txt", "text,label\nport,a\n", format="csv")
    rows, told = read(kept, written(tmp_path / name, "text,label\nboat,b\n"))
    assert rows == [{"text": "boat", "label": "b"}]
    assert told == [f"{tmp_path / name} is read as the training rows of the model were (format=csv)."]


def test_an_ending_that_tells_its_kind_does(tmp_path):
    kept = kept_of(tmp_path / "a.csv", "text;label\nport;a\n", separator=";")
    for name, content in (("b.jsonl", '{"text": "boat"}\n'), ("b.tsv", "text\nboat\n")):
        assert read(kept, written(tmp_path / name, content)) == ([{"text": "boat"}], [])
    assert kept.completed(written(tmp_path / "b.txt", "A line.\n"), {}) == ({}, [])


def test_another_kind_of_reader_is_kept_and_what_is_given_overrules(tmp_path):
    kept = kept_of(tmp_path / "a.txt", "_ The B\n_ boat I\n", kind="conll", columns=["_", "words", "tags"])
    new = written(tmp_path / "b.txt", "_ A B\n")
    assert read(kept, new)[0] == [{"words": ["A"], "tags": ["B"]}]
    settings, told = kept.completed(new, {"columns": ["tags", "words", "_"]})
    assert settings["columns"] == ["tags", "words", "_"]  # replaced, not mixed
    assert kept.completed(new, {"format": "csv"}) == ({"format": "csv"}, [])
    assert kept.completed(new, {"kind": "files", "format": "csv"})[0] == {"kind": "files", "format": "csv"}
    assert "columns" in kept.completed(new, {"kind": "conll"})[0]
    assert told == [f"{new} is read as the training rows of the model were (kind=conll)."]


def test_a_file_in_the_encoding_of_training_is_read_in_it(tmp_path):
    kept = kept_of(tmp_path / "a.csv", "text,label\n" + JAPANESE, encoding="cp932")
    rows, told = read(kept, written(tmp_path / "b.csv", "text\n豆の花\n", "cp932"))
    assert rows == [{"text": "豆の花"}]
    assert told == [f"{tmp_path / 'b.csv'} is read as the training rows of the model were (encoding=cp932)."]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("trained", ["cp932", "utf-16", "latin-1"])
def test_utf_8_and_marks_of_unicode_are_believed_and_told(tmp_path, encoding, trained):
    kept = Kept({"kind": "files", "format": "csv", "encoding": trained}, (".csv",))
    path = written(tmp_path / "b.csv", "text\n豆の花\n", encoding)
    rows, told = read(kept, path)
    assert rows == [{"text": "豆の花"}]
    assert told == [f"{path} is in UTF-8 or has the mark of another Unicode form, and is not read as {trained}."]


def test_plain_ascii_is_not_read_as_utf_16(tmp_path):
    kept = Kept({"kind": "files", "format": "csv", "encoding": "utf-16"}, (".csv",))
    assert read(kept, written(tmp_path / "b.csv", "text\nboat\n"))[0] == [{"text": "boat"}]


@pytest.mark.parametrize(
    "settings", [{"encoding": "cp932"}, {"errors": "replace"}, {"encoding": "cp932", "errors": "replace"}]
)
def test_another_encoding_is_refused_and_never_guessed(tmp_path, settings):
    kept = Kept({"kind": "files", "format": "csv", **settings}, (".csv",))
    path = written(tmp_path / "b.csv", "text\n" + "안녕하세요 반갑습니다\n" * 3, "cp949")
    with pytest.raises(UserError, match=r"b\.csv is not .* cp949") as error:
        read(kept, path)
    assert "\n" not in str(error.value)
    assert read(kept, path, encoding="cp949")[0][0]["text"].startswith("안녕")


def test_damage_is_still_replaced_where_it_was_in_training(tmp_path):
    kept = Kept({"kind": "files", "format": "csv", "errors": "replace"}, (".csv",))
    (tmp_path / "b.csv").write_bytes("text\n豆".encode() + b"\xff\n")
    assert read(kept, tmp_path / "b.csv")[0] == [{"text": "豆�"}]


def test_a_separator_that_parts_nothing_is_found_anew(tmp_path):
    kept = kept_of(tmp_path / "a.csv", "text~label\nport~a\n", separator="~")
    assert read(kept, written(tmp_path / "b.csv", "id;text\n1;boat\n"))[0] == [{"id": "1", "text": "boat"}]
    assert read(kept, written(tmp_path / "c.csv", "id~text\n1~boat\n"))[0] == [{"id": "1", "text": "boat"}]


def test_a_line_of_names_is_never_a_row(tmp_path):
    kept = kept_of(tmp_path / "a.csv", "port,a\n", header=["text", "label"])
    assert read(kept, written(tmp_path / "b.csv", "boat,b\n"))[0] == [{"text": "boat", "label": "b"}]
    assert read(kept, written(tmp_path / "c.csv", "text,label\nboat,b\n"))[0] == [{"text": "boat", "label": "b"}]
    assert read(kept, written(tmp_path / "d.csv", "id,text\n1,boat\n"))[0] == [{"id": "1", "text": "boat"}]
    with pytest.raises(UserError, match=r"has 1 columns and no line of names.* header=\['text'\]"):
        read(kept, written(tmp_path / "e.csv", "boat\n"))


def test_columns_made_of_others_are_left_where_a_file_has_them_itself(tmp_path):
    kept = kept_of(tmp_path / "a.csv", "s,gold\nport,a\n", columns={"text": "s", "label": "gold"})
    for content in ("s\nboat\n", "text\nboat\n", "s,gold\nboat,b\n"):
        (row,), _ = read(kept, written(tmp_path / "b.csv", content))
        assert row["text"] == "boat"
    with pytest.raises(UserError, match=r"has no column 's' \(it has 'sentence'\)"):
        read(kept, written(tmp_path / "c.csv", "sentence\nboat\n"))
    settings, _ = kept.completed(tmp_path / "c.csv", {"columns": {"text": "sentence"}}, ["text"])
    assert settings["columns"] == {"text": "sentence"}


@pytest.mark.parametrize(
    "told",
    [
        3,
        {},
        {"settings": [], "endings": []},
        {"settings": {"kind": "files"}, "endings": [1]},
        {"settings": {"kind": "nothing"}, "endings": []},
        {"settings": {"kind": "files", "separator": "abc"}, "endings": []},
        {"settings": {"kind": "python_docs"}, "endings": []},
        {"settings": {"kind": "huggingface", "name": "x/y"}, "endings": []},
    ],
)
def test_a_reader_that_cannot_be_is_refused(told, tmp_path):
    with pytest.raises(UserError, match=r"has an? (invalid )?config\.json"):
        Kept.read(told, tmp_path)


def test_no_path_of_a_config_is_ever_read(tmp_path):
    told = {"settings": {"kind": "files", "format": "csv", "path": "/etc/hostname", "where": {"a": 1}}, "endings": []}
    assert Kept.read(told, Path("model")).settings == {"kind": "files", "format": "csv"}


@pytest.mark.parametrize("encoding", ["hex", "rot13", "undefined", "nothing"])
def test_what_is_no_encoding_of_text_is_refused(encoding):
    with pytest.raises(UserError, match=f"There is no encoding called '{encoding}'"):
        build(Reader, {"path": "a.csv", "encoding": encoding})


def test_a_kept_reader_without_a_kind_is_one_of_files(tmp_path):
    assert Kept.read({"settings": {"format": "csv"}, "endings": []}, tmp_path).settings["kind"] == "files"
