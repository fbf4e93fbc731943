import gzip

import pytest

from mamebert.errors import UserError
from mamebert.serving import rows
from mamebert.serving.rows import texts_of


def test_a_text_file_holds_a_text_per_line(tmp_path):
    (tmp_path / "a.txt").write_text("豆\n\nGarda síochána\r\nlast", encoding="utf-8")
    assert list(texts_of(tmp_path / "a.txt", ["text"])) == [["豆", "", "Garda síochána", "last"]]
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"eins\nzwei\n"))
    assert list(texts_of(tmp_path / "a.txt.gz", ["text"])) == [["eins", "zwei"]]


def test_columns_are_joined_as_in_training(tmp_path):
    (tmp_path / "a.csv").write_text("title,body\na,b\nc,\n", encoding="utf-8")
    assert list(texts_of(tmp_path / "a.csv", ["title", "body"])) == [["a\nb", "c"]]


def test_a_large_file_comes_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "AT_A_TIME", 2)
    (tmp_path / "a.txt").write_text("1\n2\n3\n4\n5\n")
    assert [len(part) for part in texts_of(tmp_path / "a.txt", [])] == [2, 2, 1]


def test_mistakes_are_sentences(tmp_path):
    with pytest.raises(UserError, match=r"nothing to predict\. Give texts, or a file with --file"):
        list(texts_of(None, ["text"]))
    with pytest.raises(UserError, match=r"no file .*missing\.txt"):
        list(texts_of(tmp_path / "missing.txt", ["text"]))
    (tmp_path / "a.jsonl").write_text('{"title": "x"}\n')
    with pytest.raises(UserError, match="no column called 'text'"):
        list(texts_of(tmp_path / "a.jsonl", ["text"]))
    (tmp_path / "b.txt").write_bytes(b"fine\n\xff\xfe\n")
    with pytest.raises(UserError, match=r"b\.txt is not utf-8: bytes ff.* at offset 5"):
        list(texts_of(tmp_path / "b.txt", ["text"]))
