import bz2
import gzip
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mamebert.config import build
from mamebert.corpus.formats.suffixes import MAX_DOCUMENT_CHARACTERS
from mamebert.corpus.readers.files import Files
from mamebert.errors import UserError

TEXT = "一つ目の豆。\n二行目。\n\nAn pónaire eile.\n\n\n\nLast bean"
DOCUMENTS = ["一つ目の豆。\n二行目。", "An pónaire eile.", "Last bean"]


def texts(path, **settings):
    return [row["text"] for row in Files(path=path, **settings).rows()]


def zst(data):
    return bytes(pa.compress(data, "zstd", asbytes=True))


def zst_stream(path, data):
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(data)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_text_files_give_a_row_per_document_however_they_are_packed(tmp_path, suffix):
    path = tmp_path / f"beans.txt{suffix}"
    data = TEXT.encode()
    if suffix == ".zst":
        zst_stream(path, data)
    else:
        path.write_bytes({"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix](data))
    assert texts(path) == DOCUMENTS


@pytest.mark.parametrize("packed", [".gz", ".bz2", ".xz", ".zst"])
def test_damaged_packing_is_told_with_the_file(tmp_path, packed):
    path = tmp_path / f"beans.txt{packed}"
    path.write_bytes(b"this is not packed at all")
    with pytest.raises(UserError, match=rf"beans\.txt\{packed} is damaged"):
        texts(path)


def test_a_truncated_file_is_damaged(tmp_path):
    path = tmp_path / "beans.txt.gz"
    path.write_bytes(gzip.compress(TEXT.encode() * 1000)[:-40])
    with pytest.raises(UserError, match="is damaged"):
        texts(path)


def test_windows_line_ends_and_byte_order_mark_leave_no_trace(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\r\nthree\r\n")
    assert texts(tmp_path / "a.txt") == ["one\ntwo", "three"]


def test_undecodable_bytes_are_told_with_file_and_offset(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("豆".encode() * 30_000 + b"ok \xff\xfe\n")
    with pytest.raises(UserError, match=r'a\.txt is not utf-8: bytes ff fe 0a at offset 90003 .*errors = "replace"'):
        texts(path)
    assert texts(path, errors="replace")[0].endswith("ok ��")


def test_a_character_cut_off_at_the_end_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"bean " + "豆".encode()[:2])
    with pytest.raises(UserError, match="at offset 5"):
        texts(tmp_path / "a.txt")


def test_other_encodings_are_read_and_unknown_ones_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes("豆を煮る".encode("cp932"))
    assert texts(tmp_path / "a.txt", encoding="cp932") == ["豆を煮る"]
    with pytest.raises(UserError, match="no encoding called 'utf-88'"):
        build(Files, {"path": "a.txt", "encoding": "utf-88"})


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "豆"),
        ("cp932", "豆を煮る"),
        ("cp949", "콩을 삶는다. 오래된 정원"),
        ("gb18030", "我们煮豆子。老花园里下雨了"),
        ("big5", "我們煮豆子。老花園裡下雨了"),
        ("cp1251", "Старый сад и дождь"),
    ],
)
def test_the_encoding_named_as_an_example_is_the_one_that_texts_are_in(tmp_path, encoding, text):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match=f'encoding = "{encoding}"'):
        texts(tmp_path / "a.txt")


def test_a_file_without_empty_lines_or_line_ends_comes_in_parts(tmp_path):
    (tmp_path / "a.txt").write_text("bean " * (MAX_DOCUMENT_CHARACTERS // 2))
    parts = texts(tmp_path / "a.txt")
    assert max(map(len, parts)) <= MAX_DOCUMENT_CHARACTERS
    assert "".join(parts) == "bean " * (MAX_DOCUMENT_CHARACTERS // 2)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_json_lines_give_their_columns(tmp_path, name):
    rows = [{"text": "豆", "label": "food"}, {"text": "pod\nbean", "label": "plant"}]
    (tmp_path / name).write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert list(Files(path=tmp_path / name).rows()) == rows


def test_surrogates_and_nul_never_reach_a_row(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a\\ud83d b\\u0000c"}\n')
    (tmp_path / "b.txt").write_bytes(b"be\0an")
    assert texts([tmp_path / "a.jsonl", tmp_path / "b.txt"]) == ["a� bc", "bean"]


@pytest.mark.parametrize("line", ["{bad", "[1]", '"text"', '{"text": ' + "[" * 100_000])
def test_a_bad_json_line_is_told_by_number(tmp_path, line):
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(UserError, match=r"a\.jsonl, line 2, "):
        texts(tmp_path / "a.jsonl")


def test_tables_are_read_by_their_header(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n"bean, ""red""",food\n"two\nlines",x\n')
    (tmp_path / "b.tsv").write_text('text\tlabel\n5" pipe\tobject\n')
    assert list(Files(path=[tmp_path / "a.csv", tmp_path / "b.tsv"]).rows()) == [
        {"text": 'bean, "red"', "label": "food"},
        {"text": "two\nlines", "label": "x"},
        {"text": '5" pipe', "label": "object"},
    ]


@pytest.mark.parametrize("content", ["text,label\nbean\n", "text\nbean,food\n", 'text\n"never closed\n'])
def test_a_table_that_does_not_fit_its_header_is_told(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UserError, match=r"a\.csv, line 2"):
        texts(tmp_path / "a.csv")


def test_parquet_is_read_and_damage_is_told(tmp_path):
    pq.write_table(pa.table({"body": ["豆", "pod"], "n": [1, 2]}), tmp_path / "a.parquet")
    assert texts(tmp_path / "a.parquet", text_column="body") == ["豆", "pod"]
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(UserError, match=r"b\.parquet cannot be read as Parquet"):
        texts(tmp_path / "b.parquet")


def test_a_missing_text_column_is_told_with_those_there_are(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "bean"}\n')
    with pytest.raises(UserError, match=r"no column 'content' \(it has 'body'\)"):
        texts(tmp_path / "a.jsonl", text_column="content")


def test_folders_patterns_and_lists_come_sorted_and_once(tmp_path):
    for name in ("b.txt", "a.txt", "deep/c.txt", ".hidden.txt", "LICENSE", "photo.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    everything = ["a.txt", "b.txt", "deep/c.txt"]
    assert texts(tmp_path) == everything
    assert texts(f"{tmp_path}/**/*.txt") == everything
    assert texts([tmp_path / "b.txt", tmp_path]) == ["b.txt", "a.txt", "deep/c.txt"]


def test_a_file_name_may_look_like_a_pattern(tmp_path):
    (tmp_path / "a[1].txt").write_text("bean")
    assert texts(tmp_path / "a[1].txt") == ["bean"]


def test_what_is_not_there_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.doc").write_text("bean")
    for path, words in (("none.txt", "no file or folder"), ("*.txt", "No file matches"), ("empty", "holds no file")):
        with pytest.raises(UserError, match=words):
            texts(tmp_path / path)
    with pytest.raises(UserError, match=r"a\.doc ends in no suffix we know"):
        texts(tmp_path / "a.doc")


def test_bytes_told_add_up_to_the_size(tmp_path):
    (tmp_path / "a.txt").write_text("bean\n\n" * 5000)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"pod\n\n" * 100))
    reader, told = Files(path=tmp_path), []
    assert sum(1 for _ in reader.rows(told.append)) == 5100
    assert sum(told) == reader.num_bytes()
    assert min(told) >= 0


def test_the_fingerprint_is_the_content(tmp_path):
    (tmp_path / "a.txt").write_text("bean")
    before = Files(path=tmp_path).fingerprint()
    assert before == Files(path=tmp_path / "a.txt", errors="replace").fingerprint()
    (tmp_path / "a.txt").write_text("pod")
    assert before != Files(path=tmp_path).fingerprint()


def test_thousands_of_files_share_one_fingerprint(tmp_path):
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text(str(number))
    assert len(Files(path=tmp_path).fingerprint()) == 1


def test_a_json_array_gives_its_objects(tmp_path):
    rows = [{"text": "豆", "entities": [{"span": [0, 1]}]}, {"text": "pod", "entities": []}]
    for content in (json.dumps(rows, indent=2), " \n" + json.dumps(rows) + "\n"):
        (tmp_path / "a.json").write_text(content)
        assert list(Files(path=tmp_path / "a.json").rows()) == rows
    (tmp_path / "a.json").write_text("[ ]\n")
    assert list(Files(path=tmp_path / "a.json").rows()) == []


@pytest.mark.parametrize("rest", ["", ",\n{bad}]", ", ]", ",\n1]", ' {"text": "b"}]', "] more", ", " + "[" * 100_000])
def test_damage_in_a_json_array_is_told_by_line(tmp_path, rest):
    (tmp_path / "a.json").write_text('[\n{"text": "a"}' + rest)
    with pytest.raises(
        UserError, match=r"a\.json, line [23](, is not JSON \(.*\. \w|: an item of the array is no object\. \w)"
    ):
        texts(tmp_path / "a.json")


def test_surrogates_inside_nested_values_never_reach_a_row(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "b": [{"c": "\\ud83d"}]}\n')
    assert next(Files(path=tmp_path / "a.jsonl").rows())["b"] == [{"c": "�"}]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t")])
def test_a_table_without_a_line_of_names_is_given_them(tmp_path, name, mark):
    (tmp_path / name).write_text(f"bean{mark}1\npod{mark}0\n")
    rows = list(Files(path=tmp_path / name, header=["text", "label"]).rows())
    assert rows == [{"text": "bean", "label": "1"}, {"text": "pod", "label": "0"}]
    with pytest.raises(UserError, match="line 1, has 2 fields and the header 3"):
        texts(tmp_path / name, header=["text", "label", "id"])


def test_fields_beyond_the_names_are_dropped_and_counted_only_when_told(tmp_path, capsys):
    (tmp_path / "a.tsv").write_text("bean\t1\npod\t0\tx\ty\n")
    with pytest.raises(UserError, match=r'line 2, has 4 fields and the header 2.*extra_columns = "drop"'):
        texts(tmp_path / "a.tsv", header=["text", "label"])
    assert texts(tmp_path / "a.tsv", header=["text", "label"], extra_columns="drop") == ["bean", "pod"]
    assert "a.tsv: 1 lines have more than 2 columns" in capsys.readouterr().err


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,text\nbean,pod\n")
    with pytest.raises(UserError, match=r"a\.csv, line 1, names two columns 'text'"):
        texts(tmp_path / "a.csv")
    with pytest.raises(UserError, match="same name"):
        build(Files, {"path": "a.csv", "header": ["a", "a"]})


def test_a_file_is_read_as_what_it_is_said_to_be(tmp_path):
    (tmp_path / "a.txt").write_text('{"text": "bean"}\n')
    (tmp_path / "b.doc").write_text("text\tlabel\nbean\tfood\n")
    assert texts(tmp_path / "a.txt", format="jsonl") == ["bean"]
    assert texts(tmp_path / "b.doc", format="tsv") == ["bean"]


def test_columns_come_from_inside_of_others(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": {"b": "bean", "c": 1}, "x.y": 2}\n')
    row = next(Files(path=tmp_path / "a.jsonl", columns={"text": "a.b", "z": "x.y"}).rows())
    assert row == {"a": {"b": "bean", "c": 1}, "x.y": 2, "text": "bean", "z": 2}
    with pytest.raises(UserError, match=r"no column 'a\.d' \(it has 'a', 'x\.y'\)"):
        texts(tmp_path / "a.jsonl", columns={"text": "a.d"})


def test_only_rows_with_the_wanted_values_are_read(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tpart\nbean\ttrain\npod\ttest\n")
    (tmp_path / "b.tsv").write_text("text\tpart\nleaf\ttest\n")
    assert texts(tmp_path, where={"part": "train"}) == ["bean"]
    assert texts(tmp_path, where={"part": "test"}) == ["pod", "leaf"]
    with pytest.raises(UserError, match=r"No row has part = 'dev'\. There are rows with part = 'train'; part = 'test'"):
        texts(tmp_path, where={"part": "dev"})
    with pytest.raises(UserError, match=r"no column called 'prat'\. Did you mean 'part'"):
        texts(tmp_path, where={"prat": "dev"})


def test_upper_case_endings_and_linked_folders_are_read_each_folder_once(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir(), outside.mkdir()
    (inside / "A.TXT").write_text("one")
    (inside / "b.Ndjson").write_text('{"text": "two"}')
    (inside / "c.TXT.GZ").write_bytes(gzip.compress(b"three"))
    (outside / "d.txt").write_text("four")
    (inside / "link").symlink_to(outside)
    (inside / "round").symlink_to(inside)
    assert sorted(texts(inside)) == ["four", "one", "three", "two"]


def test_what_is_passed_over_in_a_folder_is_counted_by_its_ending(tmp_path):
    for name in ("a.txt", "b.pdf", "c.PDF", "d.html", "README", ".hidden"):
        (tmp_path / name).write_text("bean")
    assert Files(path=str(tmp_path)).passed_over() == {".pdf": 2, ".html": 1, "": 1}
    assert Files(path=str(tmp_path / "a.txt")).passed_over() == {}


def test_files_without_an_ending_are_read_as_what_they_are_said_to_be(tmp_path):
    (tmp_path / "wiki_00").write_text("bean")
    assert texts(tmp_path, format="txt") == texts(tmp_path / "wiki_00", format="txt") == ["bean"]
    with pytest.raises(UserError, match="holds no file"):
        texts(tmp_path)


def test_wikiextractor_puts_a_document_between_its_marks(tmp_path):
    mark = '<doc id="12" url="https://x.org/?curid=12" title="A &quot;b&quot;">'
    one = f"{mark}\nBean\n\nIt grows.\n\nIt is green.\n</doc>\n"
    (tmp_path / "wiki_00.txt").write_text(one * 2 + "\nAnother < text\n\n<doc> is a mark\n")
    assert texts(tmp_path) == ["Bean\nIt grows.\nIt is green."] * 2 + ["Another < text", "<doc> is a mark"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("안녕하세요 bean\n\n豆".encode(encoding))
    assert texts(tmp_path / "a.txt") == ["안녕하세요 bean", "豆"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp949", "안녕하세요. 오늘은 날씨가 좋습니다."),
        ("cp932", "今日は天気がいいですね。カタカナも"),
        ("gb18030", "今天天气很好，我们去公园散步。"),
        ("cp1251", "Сегодня хорошая погода, пойдём гулять."),
        ("cp1252", "Où est passé le café, hélas? Ça va être été"),
    ],
)
def test_the_encoding_of_other_text_is_offered_with_how_it_reads(tmp_path, encoding, text):
    (tmp_path / "a.txt").write_bytes(f"bean: {text}\n".encode(encoding))
    with pytest.raises(UserError) as error:
        texts(tmp_path / "a.txt")
    beyond = "".join(character for character in text if not character.isascii())
    assert f'{encoding} ("{beyond[:10]}")' in str(error.value)


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\nstream", b"PK\3\4" + b"\0" * 20, bytes(range(256)) * 9]
)
def test_what_is_no_text_is_refused_whatever_happens_to_undecodable_bytes(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    for errors in ("strict", "replace"):
        with pytest.raises(UserError, match="no text"):
            texts(tmp_path / "a.txt", errors=errors)


def test_kinds_that_must_be_turned_into_text_first_are_named(tmp_path):
    (tmp_path / "a.pdf").write_text("x")
    with pytest.raises(UserError, match=r"a PDF.*pdftotext"):
        texts(tmp_path / "a.pdf")


def test_a_packed_file_beside_one_that_is_missing_is_named(tmp_path):
    (tmp_path / "rows.csv.xz").write_bytes(b"")
    with pytest.raises(UserError, match=r"no file or folder .*rows\.csv\. There is .*rows\.csv\.xz: name that\."):
        list(build(Files, {"kind": "files", "path": str(tmp_path / "rows.csv")}).rows())
