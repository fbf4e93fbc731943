import sys

import pytest

from mamebert.corpus.readers.huggingface import HuggingFace
from mamebert.errors import UserError

ROWS = {"body": ["豆を煮る。", "Cook beans."], "label": [1, 0]}


@pytest.fixture
def saved(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"body": datasets.Value("string"), "label": datasets.ClassLabel(names=["en", "ja"])})
    dataset = datasets.Dataset.from_dict(ROWS, features=features)
    dataset.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": dataset, "test": dataset.select([0])}).save_to_disk(tmp_path / "many")
    return tmp_path


def test_a_saved_dataset_is_read_without_the_hub(saved):
    reader = HuggingFace(name=str(saved / "one"), text_column="body")
    assert [(row["text"], row["label"]) for row in reader.rows()] == [("豆を煮る。", "ja"), ("Cook beans.", "en")]


def test_numbers_of_labels_are_names_wherever_they_stand(tmp_path):
    datasets = pytest.importorskip("datasets")
    kinds = datasets.ClassLabel(names=["O", "B-PER"])
    features = {
        "tags": datasets.Sequence(kinds),
        "sets": [datasets.Sequence(kinds)],
        "marks": datasets.Sequence({"kind": kinds, "start": datasets.Value("int32")}),
        "marks_one_by_one": [{"kind": kinds, "start": datasets.Value("int32")}],
        "about": {"kind": kinds},
        "hidden": kinds,
        "score": datasets.Value("float64"),
    }
    mark = {"kind": 1, "start": 3}
    row = {
        "tags": [0, 1, -1],
        "sets": [[0], [1, 0]],
        "marks": {"kind": [1], "start": [3]},
        "marks_one_by_one": [mark],
        "about": {"kind": 1},
        "hidden": -1,
        "score": float("nan"),
    }
    made = datasets.Dataset.from_list([row], features=datasets.Features(features))
    made.save_to_disk(tmp_path / "saved")
    (found,) = HuggingFace(name=str(tmp_path / "saved"), text_column="hidden").rows()
    assert found["tags"] == ["O", "B-PER", None]
    assert found["sets"] == [["O"], ["B-PER", "O"]]
    assert found["marks_one_by_one"] == [{"kind": "B-PER", "start": 3}]
    assert found["marks"] == {"kind": ["B-PER"], "start": [3]}
    assert (found["about"], found["hidden"], found["score"]) == ({"kind": "B-PER"}, None, None)


def test_one_split_of_several_is_read(saved):
    assert len(list(HuggingFace(name=str(saved / "many"), split="test").rows())) == 1
    with pytest.raises(UserError, match=r"no split called 'tests'. Did you mean 'test'"):
        list(HuggingFace(name=str(saved / "many"), split="tests").rows())


def test_the_fingerprint_of_a_folder_is_its_content(saved):
    def fingerprint(name, **settings):
        return HuggingFace(name=str(saved / name), **settings).fingerprint()

    assert fingerprint("one") == fingerprint("one", text_column="body")
    assert fingerprint("many") != fingerprint("many", split="test")
    assert HuggingFace(name="a/b", revision="v1").fingerprint() != HuggingFace(name="a/b", revision="v2").fingerprint()


def test_a_wrong_column_is_told(saved):
    with pytest.raises(UserError, match=r"no column called 'bdy'. Did you mean 'body'"):
        list(HuggingFace(name=str(saved / "one"), text_column="bdy").rows())


def test_a_folder_that_is_no_dataset_is_told(tmp_path):
    pytest.importorskip("datasets")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="cannot be opened"):
        list(HuggingFace(name=str(tmp_path / "empty")).rows())


def test_the_extra_is_named_when_the_library_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'mamebert\[hub\]'"):
        list(HuggingFace(name=str(tmp_path)).rows())
