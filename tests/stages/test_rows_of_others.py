"""Rows as spreadsheets, other people's programs and other alphabets write them."""

import json
import unicodedata

import pytest

from mamebert.config import build
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.labelled.rows import read_examples
from mamebert.tasks import Task
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.bio_tags import entities_in, splits_a_character
from mamebert.tasks.data.features import Example, Unusable
from mamebert.tasks.data.questions import right_answers
from mamebert.tasks.multi_label import MultiLabel
from mamebert.tasks.multiple_choice import MultipleChoice
from mamebert.tasks.regression import Regression
from mamebert.tasks.tagging import Tagging


def examples_of(file, content, task: Task):
    file.write_bytes(content.encode())
    return read_examples(task, build(Reader.find("files"), {"kind": "files", "path": str(file)}))


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_row_that_lacks_a_column_which_others_have_is_left_out_and_told(tmp_path, capsys):
    rows = jsonl({"text": "a"}, {"text": "b", "label": "x"}, {"label": "x"})
    examples, reasons = examples_of(tmp_path / "a.jsonl", rows, Classification())
    assert [each.gold for each in examples] == ["x"]
    assert reasons == {"no column 'label'": 1, "no column 'text'": 1}
    assert "1 with no column 'label'" in capsys.readouterr().err


def test_a_column_that_no_row_has_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="no column called 'label'"):
        examples_of(
            tmp_path / "a.jsonl", jsonl({"text": "a", "lable": "x"}, {"text": "b", "lable": "x"}), Classification()
        )


@pytest.mark.parametrize("table", ["text,label\r\na,x,,\r\nb,y,,\r\n", "text,label,,\r\na,x\r\nb,y,\r\n"])
def test_blank_columns_of_a_spreadsheet_are_nothing(tmp_path, table):
    examples, _ = examples_of(tmp_path / "a.csv", table, Classification())
    assert [(each.inputs, each.gold) for each in examples] == [(("a",), "x"), (("b",), "y")]


def test_a_field_with_something_in_it_beyond_the_header_is_still_refused(tmp_path):
    with pytest.raises(UserError, match="3 fields"):
        examples_of(tmp_path / "a.csv", "text,label\na,x,z\n", Classification())


def test_an_array_in_a_file_of_lines_is_told_as_one(tmp_path):
    with pytest.raises(UserError, match='format = "json"'):
        examples_of(tmp_path / "a.jsonl", '[{"text": "a",\n"label": "x"}]', Classification())


def test_labels_that_nearly_are_the_same_are_told(tmp_path, capsys):
    rows = jsonl(*({"text": "a", "label": each} for each in ("Water", "water", "ｗａｔｅｒ", "bread")))
    examples_of(tmp_path / "a.jsonl", rows, Classification())
    assert "'Water' (1) and 'water' (1) and 'ｗａｔｅｒ' (1)" in capsys.readouterr().err
    examples_of(tmp_path / "a.csv", "text,label\na,1\nb,1.0\n", Classification())
    assert "'1' (1) and '1.0' (1)" in capsys.readouterr().err


def test_texts_of_invisible_marks_are_left_out(tmp_path):
    rows = jsonl({"text": "\u200b\ufeff", "label": "x"}, {"text": "a", "label": "x"})
    assert examples_of(tmp_path / "a.jsonl", rows, Classification())[1] == {"no text": 1}


def test_labels_of_a_folder_from_elsewhere_are_compared_in_one_spelling():
    task = Classification()
    (found, *_) = task.measures([Example(("a",), "café", 0)], [{"label": "cafe\u0301 "}])
    assert found.score == 1.0


def test_labels_that_look_like_several_are_told(capsys):
    learn = MultiLabel().learn
    learn([Example(("a",), ["food,water"], 0), Example(("b",), ["water"], 1)])
    assert 'task.label_separator = ","' in capsys.readouterr().err
    learn([Example(("a",), ["Paris, France"], 0), Example(("b",), ["water"], 1)])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("gold", "number"), [("(B)", 1), ("b.", 1), ("Ｂ", 1), ("C)", 2), ("two", 1), ("one", 0), (1, 1)]
)
def test_choices_are_named_in_many_ways(gold, number):
    task = MultipleChoice(choice_columns=["one", "two", "three"])
    row = {"question": "q", "one": "a", "two": "b", "three": "c", "label": gold}
    assert task.gold(row, task.inputs(row)) == number


@pytest.mark.parametrize("value", ["1_000", True, "1.234,5", "5%"])
def test_what_only_looks_like_a_number_is_told(value):
    with pytest.raises(UserError, match=r"write numbers with a point.*1234\.5"):
        Regression().gold({"text": "a", "label": value}, ("a",))


@pytest.mark.parametrize(("value", "number"), [("\u22123", -3.0), ("１２", 12.0), (" 1e3 ", 1000.0)])
def test_numbers_of_other_keyboards_are_numbers(value, number):
    assert Regression().gold({"text": "a", "label": value}, ("a",)) == number


TAKEN_APART = unicodedata.normalize("NFD", "한국어 é the boat")


def test_ranges_counted_in_another_unicode_form_are_told():
    with pytest.raises(UserError, match="NFD"):
        entities_in({"spans": [[0, 4, "C"]]}, "spans", TAKEN_APART)
    assert not any(splits_a_character("नमस्ते ภาษาไทย é 한국어", place) for place in range(25))


def test_names_and_answers_may_be_in_another_unicode_form():
    named = {"start": 0, "end": 8, "label": "C ", "text": "한국어"}
    assert entities_in({"spans": [named]}, "spans", TAKEN_APART) == [(0, 8, "C")]
    assert right_answers([{"text": "한국어", "answer_start": 0}], TAKEN_APART)[0]["end"] == 8
    with pytest.raises(Unusable):
        right_answers([{"text": "한국어", "answer_start": 1}], TAKEN_APART)


def test_a_range_without_a_type_is_no_type_called_none():
    with pytest.raises(UserError, match="name the type"):
        entities_in({"spans": [{"start": 0, "end": 3, "label": None}]}, "spans", "the boat")


@pytest.mark.parametrize("tags", [["U-X", "O"], ["b-x", "o"], ["B_X", "O"], ["X-B", "O"]])
def test_marks_of_entities_in_another_spelling_are_told(tags, capsys):
    Tagging().learn([Example(("a", "b"), tags, 0)])
    assert "another spelling" in capsys.readouterr().err


def test_parts_of_speech_are_not_taken_for_marks(capsys):
    Tagging().learn([Example(("a", "b"), ["NOUN", "VERB"], 0)])
    Tagging().learn([Example(("a", "b"), ["B-X", "O"], 0)])
    assert capsys.readouterr().err == ""
