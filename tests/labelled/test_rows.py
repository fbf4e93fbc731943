import json

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from mamebert.config import build
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.labelled.rows import LabelledConfig, Split, drawn, read_examples, read_labelled
from mamebert.tasks.classification import Classification
from mamebert.tasks.regression import Regression


@pytest.fixture
def written(tmp_path):
    def write(text, name="rows.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def examples_of(path, task):
    return read_examples(task, Reader.model_validate(path))


def rows(num_rows, start=0):
    return "text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(start, start + num_rows))


def test_columns_are_joined_and_rows_that_ask_nothing_counted(written, capsys):
    path = written("title,body,label\n豆,緑の豆。,food\nPort,,place\n,,food\nGlas,uaine,\n")
    examples, reasons = examples_of(path, Classification(text_columns=["title", "body"]))
    assert [(e.inputs, e.gold, e.row) for e in examples] == [(("豆\n緑の豆。",), "food", 0), (("Port",), "place", 1)]
    assert reasons == {"no text": 1, "no label": 1}
    assert "Rows left out: 1 with no label, 1 with no text; 2 are used." in capsys.readouterr().err


def test_a_missing_column_is_named_with_the_nearest(written):
    path = written("title,body,category\na,b,c\n")
    with pytest.raises(UserError, match=r"no column called 'categorie'\. Did you mean 'category'\?"):
        examples_of(path, Classification(text_columns=["title"], label_column="categorie"))
    with pytest.raises(UserError, match=r"no column called 'text'\. Choose from: body, category, title"):
        examples_of(path, Classification(label_column="category"))


def test_a_source_without_labelled_rows_is_told_with_the_reason(written):
    config = build(LabelledConfig, {"source": written("text,label\na,\n"), "output": "unused"})
    with pytest.raises(UserError, match=r"no labelled rows in source \(1 with no label\)"):
        read_labelled(config)


def test_parts_of_one_source_keep_the_shares_of_every_class(written):
    config = build(LabelledConfig, {"source": written(rows(40)), "split": {"train": 0.5, "valid": 0.2}, "output": "x"})
    parts = read_labelled(config).parts
    assert [[sum(e.gold == label for e in part) for label in "ab"] for part in parts] == [[10, 10], [4, 4], [6, 6]]
    assert sorted(e.row for part in parts for e in part) == list(range(40))


def test_validation_rows_are_kept_from_train_where_they_have_no_source(written):
    settings = {"train": written(rows(30), "train.csv"), "test": written(rows(8, 30), "test.csv"), "output": "x"}
    parts = read_labelled(build(LabelledConfig, {**settings, "split": {"valid": 0.2}})).parts
    assert list(map(len, parts)) == [24, 6, 8]
    assert [e.row for e in parts.test] == list(range(8))


def test_numbers_are_parted_without_classes_the_same_way_every_time(written):
    path = written("text,label\n" + "".join(f"text {i},{i / 7}\n" for i in range(50)))
    config = build(LabelledConfig, {"source": path, "task": "regression", "output": "x"})
    once, again = read_labelled(config).parts, read_labelled(config).parts
    assert list(map(len, once)) == [40, 5, 5]
    assert once == again
    assert isinstance(config.task, Regression)


def test_more_test_parts_are_read_by_name_and_limited(written):
    settings = {"source": written(rows(40)), "tests": {"other": written(rows(20), "other.csv")}, "output": "x"}
    labelled = read_labelled(build(LabelledConfig, {**settings, "max_rows": 30, "max_test_rows": 7}))
    assert sum(map(len, labelled.parts)) == 30
    assert {name: len(part) for name, part in labelled.all_tests().items()} == {"test": 3, "other": 7}


def test_rows_kept_from_train_are_all_used(written):
    settings = {"train": written(rows(50), "train.csv"), "test": written(rows(8), "test.csv"), "output": "x"}
    parts = read_labelled(build(LabelledConfig, settings)).parts  # 25 rows of each class, of which 2.5 would validate
    assert sorted(e.row for part in parts[:2] for e in part) == list(range(50))


def test_the_share_to_learn_from_is_what_others_leave():
    assert (Split().train, Split(valid=0.2).train, Split(train=0.3).valid) == (0.8, 0.7, 0.1)
    assert Split(valid=0.01).train == 0.8
    assert Split.model_validate(Split(valid=0.2).model_dump()) == Split(valid=0.2)
    with pytest.raises(UserError, match="leave nothing to test"):
        build(Split, {"train": 0.9, "valid": 0.1})


@given(size=st.integers(1, 30), wanted=st.integers(0, 40), seed=st.integers(0, 5))
def test_a_sample_has_the_size_asked_for_in_the_old_order(size, wanted, seed):
    found = drawn(list(range(size)), wanted, seed)
    assert len(found) == (min(wanted, size) or size)
    assert found == sorted(set(found)) == drawn(list(range(size)), wanted, seed)
    assert np.isin(found, range(size)).all()


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_empty_cells_are_counted_and_never_the_text_nan(tmp_path, capsys):
    cells = [{"text": "a", "label": "x"}, {"text": float("nan"), "label": "x"}, {"text": "b", "label": float("nan")}]
    frame = pd.DataFrame([*cells, {"text": None, "label": "y"}, {"text": "c", "label": None}])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text(jsonl(*frame.to_dict("records")))
    Dataset.from_pandas(frame).save_to_disk(tmp_path / "saved")
    sources = [str(tmp_path / f"rows.{ending}") for ending in ("csv", "parquet", "jsonl")]
    for source in (*sources, {"kind": "huggingface", "name": str(tmp_path / "saved")}):
        examples, reasons = examples_of(source, Classification())
        assert [(e.inputs, e.gold) for e in examples] == [(("a",), "x")]
        assert reasons == {"no label": 2, "no text": 2}
        assert "2 with no label, 2 with no text; 1 are used" in capsys.readouterr().err


def test_two_spellings_of_a_label_are_one_and_told(written, capsys):
    path = written(
        jsonl(*({"text": "a", "label": each} for each in ("1", "1 ", "caf\u00e9", "cafe\u0301"))), "rows.jsonl"
    )
    examples, _ = examples_of(path, Classification())
    assert [e.gold for e in examples] == ["1", "1", "café", "café"]
    assert "2 labels have blanks around them or accents" in capsys.readouterr().err


def test_a_label_that_spells_nothing_is_told(written, capsys):
    examples, _ = examples_of(written("text,label\na,NaN\nb,NaN\nc,x\n"), Classification())
    assert [e.gold for e in examples] == ["NaN", "NaN", "x"]
    assert "2 rows have the text 'NaN' as their label" in capsys.readouterr().err


def test_a_cell_that_is_no_text_is_told_with_its_row(written):
    path = written(jsonl({"text": "a", "label": "x"}, {"text": ["b", "c"], "label": "x"}), "rows.jsonl")
    with pytest.raises(UserError, match=r"Row 1: The column 'text' holds the list \['b', 'c'\]"):
        examples_of(path, Classification())
