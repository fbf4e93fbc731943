import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.tasks._rows import Labelled, read_labelled


@pytest.fixture
def written(tmp_path):
    def write(text, name="rows.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return Reader.model_validate(str(tmp_path / name))

    return write


def test_columns_are_joined_and_empty_rows_counted(written):
    source = written("title,body,label\n豆,緑の豆。,food\nPort,,place\n,,food\nGlas,uaine,\n")
    found = read_labelled(source, ["title", "body"], "label")
    assert found == Labelled(["豆\n緑の豆。", "Port"], ["food", "place"], 2)


def test_numbers_are_labels_too(written):
    source = written('{"text": "a", "label": 0}\n{"text": "b", "label": 1}\n{"text": "c", "label": null}\n', "r.jsonl")
    assert read_labelled(source, ["text"], "label") == Labelled(["a", "b"], ["0", "1"], 1)


def test_a_missing_column_is_named_with_the_nearest(written):
    source = written("title,body,category\na,b,c\n")
    with pytest.raises(UserError, match=r"no column called 'categorie'\. Did you mean 'category'\?"):
        read_labelled(source, ["title"], "categorie")
    with pytest.raises(UserError, match=r"no column called 'text'\. Choose from: body, category, title"):
        read_labelled(source, ["text"], "category")


def test_a_file_without_labelled_rows_is_told(written):
    with pytest.raises(UserError, match="no labelled rows"):
        read_labelled(written("text,label\na,\n"), ["text"], "label")


@given(size=st.integers(1, 30), wanted=st.integers(0, 40), seed=st.integers(0, 5))
def test_a_sample_has_the_size_asked_for_in_the_old_order(size, wanted, seed):
    rows = Labelled([f"{i:02}" for i in range(size)], [f"{i:02}" for i in range(size)], 3)
    found = rows.sample(wanted, seed)
    assert len(found.texts) == (min(wanted, size) or size)
    assert found.texts == found.labels == sorted(set(found.texts))
    assert found == rows.sample(wanted, seed)
