import gzip
import io
import json
from types import SimpleNamespace

import pytest

from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.serving.rows import STDIN, reader_settings, rows_of


@pytest.fixture
def stdin(monkeypatch):
    return lambda data: monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_a_text_file_holds_a_text_per_line(tmp_path):
    (tmp_path / "a.txt").write_text("豆\n\nGarda síochána\r\nlast", encoding="utf-8")
    assert list(rows_of(tmp_path / "a.txt", {})) == ["豆", "", "Garda síochána", "last"]
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"eins\nzwei\n"))
    assert list(rows_of(tmp_path / "a.txt.gz", {})) == ["eins", "zwei"]


def test_tables_are_rows(tmp_path):
    (tmp_path / "a.csv").write_text("title,body\na,b\nc,\n", encoding="utf-8")
    assert [row["title"] for row in rows_of(tmp_path / "a.csv", {})] == ["a", "c"]


def test_the_reader_s_settings_hold_and_its_kind_comes_from_the_suffix(tmp_path):
    (tmp_path / "old.txt").write_bytes("豆の花\n".encode("cp932"))
    assert list(rows_of(tmp_path / "old.txt", {"encoding": "cp932"})) == ["豆の花"]
    (tmp_path / "words.txt").write_text("The B\nboat I\n\nA B\n")
    found = rows_of(tmp_path / "words.txt", reader_settings(["kind=conll", 'columns=["words", "tags"]']))
    assert [row["words"] for row in found] == [["The", "boat"], ["A"]]
    line = "1\tBoats\tboat\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
    (tmp_path / "a.conllu").write_text(line)
    assert [row["words"] for row in rows_of(tmp_path / "a.conllu", {})] == [["Boats"]]


def test_standard_input_is_lines_of_text_or_of_json(stdin):
    stdin("\ufeff豆\r\nzwei".encode())
    assert list(rows_of(STDIN, {})) == ["豆", "zwei"]
    stdin(json.dumps({"text": "a"}).encode() + b"\n\n")
    assert list(rows_of(STDIN, {"format": "jsonl"})) == [{"text": "a"}]


def test_rows_come_before_the_file_is_read_whole(tmp_path):
    with (tmp_path / "a.txt").open("w") as file:
        file.writelines(f"{number}\n" for number in range(50_000))
        file.write("\n")
    with (tmp_path / "a.txt").open("ab") as file:
        file.write(b"\xff\n")
    rows = rows_of(tmp_path / "a.txt", {})
    assert [next(rows), next(rows)] == ["0", "1"]
    with pytest.raises(UserError, match="is not utf-8"):
        list(rows)


def test_mistakes_are_sentences(tmp_path, stdin):
    with pytest.raises(UserError, match=r"no file .*missing\.txt"):
        list(rows_of(tmp_path / "missing.txt", {}))
    (tmp_path / "b.txt").write_bytes(b"fine\n\xff\xfe\n")
    with pytest.raises(UserError, match=r"b\.txt is not utf-8: bytes ff.* at offset 5"):
        list(rows_of(tmp_path / "b.txt", {}))
    with pytest.raises(UserError, match=r"no setting called 'encodin'\. Did you mean 'encoding'"):
        list(rows_of(tmp_path / "b.txt", {"encodin": "cp932"}))
    with pytest.raises(UserError, match=r"'cp932' is no setting of a reader"):
        reader_settings(["cp932"])
    stdin(b"fine\n\xff\n")
    with pytest.raises(UserError, match=r"Line 2 of standard input is not UTF-8"):
        list(rows_of(STDIN, {}))
    stdin(b"[1]\n")
    with pytest.raises(UserError, match=r"Line 1 of standard input is no JSON object"):
        list(rows_of(STDIN, {"format": "jsonl"}))
    with pytest.raises(UserError, match=r"Standard input is read as UTF-8"):
        list(rows_of(STDIN, {"kind": "squad"}))


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("text,label", "csv"),
        ('\ufeffid;"text";label', "csv"),
        ("label\ttext", "tsv"),
        ('{"text": "a", "label": "b"}', "jsonl"),
    ],
)
def test_a_first_line_that_heads_a_table_is_no_text(tmp_path, first, told):
    (tmp_path / "a.txt").write_text(f"{first}\nboat,port\n", encoding="utf-8")
    with pytest.raises(UserError, match=rf"first line names text, .*--reader format={told}"):
        list(rows_of(tmp_path / "a.txt", {}, ["text"]))


def test_texts_that_only_mention_a_column_are_texts(tmp_path):
    lines = ["This text, and a label", "text", "text,label"]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    assert list(rows_of(tmp_path / "a.txt", {}, ["text"])) == lines


@pytest.mark.parametrize(
    ("name", "kind"), [("a.conllu", "conllu"), ("a.conll.gz", "conll"), ("A.CONLLU", "conllu"), ("a.csv", "files")]
)
def test_a_bare_path_is_read_by_the_kind_that_its_suffix_tells(name, kind):
    assert Reader.from_text(name)["kind"] == kind
