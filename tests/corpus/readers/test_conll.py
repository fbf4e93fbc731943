import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.config import build
from mamebert.corpus.readers.conll import Conll
from mamebert.errors import UserError


def rows(tmp_path, content, **settings):
    path = tmp_path / "beans.txt"
    path.write_text(content, encoding="utf-8")
    return list(build(Conll, {"path": path, **settings}).rows())


@pytest.mark.parametrize("space", [" ", "\t", "   "])
def test_a_sentence_is_a_row_with_a_list_per_column(tmp_path, space):
    content = "\n\nred B-X\nbean I-X\n\n\npod O".replace(" ", space)
    assert rows(tmp_path, content) == [
        {"words": ["red", "bean"], "tags": ["B-X", "I-X"]},
        {"words": ["pod"], "tags": ["O"]},
    ]


def test_columns_are_named_in_their_order_and_the_unnamed_left_out(tmp_path):
    assert rows(tmp_path, "bean NN O I-X\n", columns=["words", "pos", "_", "tags"]) == [
        {"words": ["bean"], "pos": ["NN"], "tags": ["I-X"]}
    ]


def test_an_ideographic_space_is_a_word(tmp_path):
    assert rows(tmp_path, "豆\tO\n\u3000\tO\n")[0]["words"] == ["豆", "\u3000"]


def test_a_hash_is_a_word_unless_comments_begin_with_it(tmp_path):
    content = "# text = a bean\n# 3\nbean O\n"
    assert rows(tmp_path, content, comment="#") == [{"text": "a bean", "words": ["bean"], "tags": ["O"]}]
    assert rows(tmp_path, "# O\n") == [{"words": ["#"], "tags": ["O"]}]


def test_document_marks_are_left_out_and_counted(tmp_path, capsys):
    content = "-DOCSTART- O\n\nbean O\n\n-DOCSTART- O\npod O\n"
    assert [row["words"] for row in rows(tmp_path, content)] == [["bean"], ["pod"]]
    assert "beans.txt: 2 -DOCSTART- lines left out" in capsys.readouterr().err


def test_tags_stay_as_they_are_unless_they_are_said_to_be_iob1(tmp_path):
    content = "a I-X\nb I-X\nc B-X\nd I-Y\ne O\nf B-Y\ng I-Y\n"
    assert rows(tmp_path, content)[0]["tags"] == ["I-X", "I-X", "B-X", "I-Y", "O", "B-Y", "I-Y"]
    told = rows(tmp_path, content, scheme="iob1")[0]["tags"]
    assert told == ["B-X", "I-X", "B-X", "B-Y", "O", "B-Y", "I-Y"]


TAGS = st.lists(st.sampled_from(["O", "I-X", "B-X", "I-Y", "B-Y"]), min_size=1, max_size=8)


@given(TAGS)
def test_bio2_of_bio2_is_itself(tmp_path_factory, tags):
    folder = tmp_path_factory.mktemp("iob1")
    once = rows(folder, "\n".join(f"w {tag}" for tag in tags), scheme="iob1")[0]["tags"]
    assert all(tag[0] != "I" or before[2:] == tag[2:] for before, tag in zip(["O", *once], once, strict=False))
    assert rows(folder, "\n".join(f"w {tag}" for tag in once), scheme="iob1")[0]["tags"] == once


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("bean O\npod\n", "line 2, has 1 columns where 2 should be"),
        ("bean O\n\npod O O\n", "line 3, has 3 columns"),
        ("bean\tO\nred pod\n", "line 2, has 1 columns"),
        ("bean\tO\npod\t\n", "line 2, has nothing in column 2"),
        ("a O\n" * 100_001, "line 100001, still belongs to the sentence that began at line 1"),
    ],
)
def test_a_damaged_line_is_told_by_number(tmp_path, content, words):
    with pytest.raises(UserError, match=rf"beans\.txt, {words}.*\. \w"):
        rows(tmp_path, content)


def test_a_tag_that_is_not_iob1_is_told(tmp_path):
    with pytest.raises(UserError, match="line 3, has the tag 'NN'"):
        rows(tmp_path, "a O\n\nb I-X\nc NN\n", scheme="iob1")


@pytest.mark.parametrize(
    "settings", [{"columns": ["a", "a"]}, {"columns": ["_"]}, {"columns": ["a"], "scheme": "iob1"}]
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(UserError, match=r"\. "):
        build(Conll, {"path": "a.txt", **settings})
