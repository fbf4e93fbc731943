"""`encoding = "auto"`: what is taken for what, and what is told."""

import bz2
import json

import pytest

from mamebert.config import build
from mamebert.corpus.formats.opening import open_text
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.stages.clean import CleanConfig, clean

JAPANESE = "豆は春に蒔かれた。二週間の雨が要った。船は潮とともに戻った。網は空だった。\n"
KOREAN = "콩은 봄에 심었다. 이 주 동안의 비가 필요했다. 배는 밀물과 함께 돌아왔다. 그물은 비어 있었다.\n"


def read(path, errors="strict"):
    with open_text(path, "auto", errors) as (file, _):
        return file.read()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp949", KOREAN),
        ("cp932", JAPANESE),
        ("shift_jis", JAPANESE),
        ("euc_jp", JAPANESE),
        ("iso2022_jp", JAPANESE),
        ("utf-16-le", JAPANESE + "Beans 12\n"),
        ("utf-16-be", KOREAN),
        ("utf-16-le", "Beans are seeds.\n"),
        ("cp1252", "Größe und Straße, naïve Façade.\n"),
        ("cp1251", "Привет, как дела?\n"),
        ("gb18030", "红色的船在河里。豆子是在春天种下的。\n"),
    ],
)
@pytest.mark.parametrize("before", ["", "bean, pea\n" * 20_000])
def test_text_is_read_as_it_was_written_and_the_encoding_told(tmp_path, capsys, encoding, text, before):
    path = tmp_path / "a.txt"
    path.write_bytes((before + text).encode(encoding))
    assert read(path) == before + text
    read(path)
    told = capsys.readouterr().err
    assert told.count(f"{path} is read as ") == 1


def test_long_chinese_is_not_read_as_twice_as_many_letters(tmp_path):
    path = tmp_path / "a.txt"
    text = "黑豹队的防守只丢了308分，在联赛中排名第六，同时也以24次拦截领先联盟。\n" * 400
    path.write_bytes(text.encode("gb18030"))
    assert read(path) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "ascii"])
def test_marks_and_utf8_are_taken_at_their_word_without_a_sentence(tmp_path, capsys, encoding):
    path = tmp_path / "a.txt"
    text = "Beans.\n" if encoding == "ascii" else JAPANESE + KOREAN
    path.write_bytes(text.encode(encoding))
    assert read(path) == text
    assert not capsys.readouterr().err


def test_packed_files_are_looked_into(tmp_path):
    path = tmp_path / "a.txt.bz2"
    path.write_bytes(bz2.compress((("bean\n" * 40_000) + KOREAN).encode("cp949")))
    assert read(path).endswith(KOREAN)


def test_damaged_utf8_is_utf8(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(JAPANESE.encode() * 5 + b"\xff\n")
    assert read(path, "replace").endswith("�\n")
    with pytest.raises(UserError, match="is not utf-8: bytes ff"):
        read(path)
    path.write_bytes(b"")
    assert read(path) == ""


def test_a_table_as_spreadsheets_write_it(tmp_path):
    rows = [{"text": "豆を煮た。", "label": "1"}, {"text": '二行\n"ある"', "label": "2"}]
    content = 'sep=;\r\n"text";"label"\r\n豆を煮た。;1\r\n"二行\n""ある""";2\r\n'
    for encoding in ("utf-8-sig", "cp932", "utf-16"):
        (tmp_path / "a.csv").write_bytes(content.encode(encoding))
        reader = build(Reader, {"kind": "files", "path": str(tmp_path / "a.csv"), "encoding": "auto"})
        assert list(reader.rows()) == rows
    (tmp_path / "b.csv").write_bytes("text\tlabel\r\n배를 탔다.\t1\r\n".encode("utf-16"))  # "Unicode text"
    reader = build(Reader, {"kind": "files", "path": str(tmp_path / "b.csv"), "encoding": "auto"})
    assert list(reader.rows()) == [{"text": "배를 탔다.", "label": "1"}]


def test_clean_records_what_was_taken(tmp_path):
    (tmp_path / "in").mkdir()
    for number, encoding in enumerate(("cp932", "euc_jp", "utf-8", "cp932")):
        (tmp_path / "in" / f"{number}.txt").write_bytes(f"{number}{JAPANESE}".encode(encoding))
    sources = {"path": str(tmp_path / "in"), "encoding": "auto"}
    run = clean(build(CleanConfig, {"sources": sources, "output": tmp_path / "out", "language": "ja", "processes": 1}))
    assert json.loads((run.folder / "run.json").read_text())["results"]["encodings"] == {
        "cp932": 2, "euc_jp": 1, "utf-8": 1,
    }  # fmt: skip
    assert run.results["documents"] == 4
