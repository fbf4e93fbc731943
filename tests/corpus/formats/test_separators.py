import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.config import build
from mamebert.corpus.readers.files import Files
from mamebert.errors import UserError

ROWS = [{"text": "bean", "label": "food"}, {"text": "boat", "label": "port"}]


def read(path, content, **settings):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(build(Files, {"path": str(path), **settings}).rows())


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_of_a_csv_file_is_found(tmp_path, separator, end):
    lines = [separator.join(each) for each in (["text", "label"], *(row.values() for row in ROWS))]
    assert read(tmp_path / "a.csv", end.join(lines)) == ROWS
    assert read(tmp_path / "a.csv", b"\xef\xbb\xbf" + (end.join(lines) + end).encode()) == ROWS


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ('id,"text; with; many",label\n1,"a;b;c",x\n', {"id": "1", "text; with; many": "a;b;c", "label": "x"}),
        ("text;label\n1,5 and 2,5;x\n", {"text": "1,5 and 2,5", "label": "x"}),
        ('"text\nof two lines";label\na;x\n', {"text\nof two lines": "a", "label": "x"}),
        ("\n\ntext;label\na;x\n", {"text": "a", "label": "x"}),
        ("sep=;\ntext;label\na;x\n", {"text": "a", "label": "x"}),
        ("sep=^\r\ntext^label\r\na^x\r\n", {"text": "a", "label": "x"}),
        (" text , label\na,x\n", {"text": "a", "label": "x"}),
        (",text,label\n0,a,x\n", {"column 1": "0", "text": "a", "label": "x"}),
        ("text;label;;\na;x;;\n", {"text": "a", "label": "x", "column 3": "", "column 4": ""}),
        ("text\na\n", {"text": "a"}),
        ('text\n"a, b"\n', {"text": "a, b"}),
    ],
)
def test_what_is_in_a_table_of_a_spreadsheet_is_read(tmp_path, content, row):
    assert read(tmp_path / "a.csv", content) == [row]


def test_columns_named_in_the_settings_tell_the_separator_too(tmp_path):
    assert read(tmp_path / "a.csv", "a, b, c;x\nd;y\n", header=["text", "label"])[0] == {
        "text": "a, b, c",
        "label": "x",
    }


@pytest.mark.parametrize("separator", ["^", "tab", "TAB", "\t", "semicolon"])
def test_a_separator_can_be_given(tmp_path, separator):
    character = {"tab": "\t", "semicolon": ";"}.get(separator.lower(), separator)
    content = "\n".join(character.join(each) for each in (["text", "label"], *(row.values() for row in ROWS)))
    assert read(tmp_path / "a.csv", content, separator=separator) == ROWS


def test_a_wrong_separator_is_refused_and_the_right_one_named(tmp_path):
    content = "text;label\na;x\n"
    with pytest.raises(UserError, match=r'one column with the separator "tab", and 2 with ";"\. Set separator = ";"'):
        read(tmp_path / "a.csv", content, separator="tab")
    with pytest.raises(UserError, match=r'a\.tsv has only one column.*Set separator = ";"'):
        read(tmp_path / "a.tsv", content)
    assert read(tmp_path / "a.tsv", content, separator=";") == [{"text": "a", "label": "x"}]
    with pytest.raises(UserError, match=r"separator cannot be ';;'\. Give one character"):
        read(tmp_path / "a.csv", content, separator=";;")


@pytest.mark.parametrize("content", ["text;label\na;x;y\n", "text;label\na\n", "sep=;\ntext;label\na\n"])
def test_ragged_rows_are_told_by_line(tmp_path, content):
    with pytest.raises(UserError, match=rf"line {content.count(chr(10))}, has [13] fields and the header 2"):
        read(tmp_path / "a.csv", content)


def test_a_table_without_a_line_has_no_rows(tmp_path):
    assert read(tmp_path / "a.csv", "") == read(tmp_path / "a.csv", "\n\n") == read(tmp_path / "a.csv", "a;b\n") == []


cells = st.text(st.sampled_from("ab ,;|\t\"'\nあ"), max_size=6)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=4))
def test_what_python_writes_with_commas_is_read_as_it_was(tmp_path_factory, rows):
    import csv
    import io

    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([["first", "second", "third"], *rows])
    path = tmp_path_factory.mktemp("table") / "a.csv"
    assert [list(row.values()) for row in read(path, written.getvalue())] == rows
