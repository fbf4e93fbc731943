"""Models that come with the program are found by their names."""

import json

import pytest

import mamebert
from mamebert.errors import UserError
from mamebert.files import shipped


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "shipped" / "mame-xx").mkdir(parents=True)
    (tmp_path / "shipped" / "mame-xx" / "config.json").write_text(json.dumps({}))
    (tmp_path / "shipped" / "notes").mkdir()
    monkeypatch.setattr(shipped, "PLACE", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shipped"


def test_a_name_is_the_folder_that_comes_with_the_program(place):
    assert shipped.shipped_names() == ["mame-xx"]
    assert shipped.folder_of("mame-xx") == place / "mame-xx"


def test_what_lies_here_comes_first(place, tmp_path):
    (tmp_path / "mame-xx").mkdir()
    assert shipped.folder_of("mame-xx").resolve() == tmp_path / "mame-xx"


@pytest.mark.parametrize("path", ["other", "runs/mame-xx", "./notes"])
def test_other_paths_stay_paths(place, path):
    assert str(shipped.folder_of(path)) == path.removeprefix("./")


def test_a_folder_that_is_not_there_is_told_with_the_names(place):
    with pytest.raises(UserError, match=r"There is no folder mame-yy\. .* shipped: mame-xx\."):
        mamebert.load("mame-yy")
