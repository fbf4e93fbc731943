"""Names that become files."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.files.names import LONGEST, check_names, file_name
from mamebert.recipes import plan
from mamebert.stages.compress.settings import CompressConfig
from mamebert.stages.evaluate.settings import EvaluateConfig
from mamebert.stages.finetune.settings import FinetuneConfig

HOSTILE = [
    "..",
    ".",
    "../../x",
    "/abs/x",
    "a\\b",
    "C:x",
    "a\0b",
    "CON",
    "nul.txt",
    "a.",
    "a ",
    " a",
    "x.partial",
    "x.TMP",
    "COM¹",
    "con .txt",
    "conin$",
]


@pytest.mark.parametrize("name", ["W", "google-bert", "日本語", "a b", "drop_layers+q8bert", "v1.2"])
def test_a_name_that_can_be_a_file_stays_as_it_is(name):
    assert file_name(name) == name


def test_a_name_of_the_hub_stays_readable():
    assert file_name("google/bert") == "google%2Fbert"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_name_never_leaves_its_folder(tmp_path, name):
    path = tmp_path / file_name(name)
    path.write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.resolve().parent == tmp_path.resolve()
    assert not path.name.endswith((".", " ", ".partial", ".TMP"))


@given(st.lists(st.text(alphabet="./%25FeE\\ aACON\0é", max_size=6), min_size=2, max_size=6, unique=True))
def test_no_two_names_have_one_file(names):
    assert all(file_name(a) != file_name(b) for a, b in combinations(names, 2))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["A", "a"], "for the same"),
        (["caf\u00e9", "cafe\u0301"], "for the same"),
        (["\u0130", "i\u0307"], "for the same"),
        (["\u0390", "\u1fd3"], "for the same"),
        ([""], "empty"),
        ([" "], "empty"),
        (["n" * 300], "takes 300 bytes"),
        (["語" * 50], "takes 150 bytes"),
    ],
)
def test_names_that_some_disk_cannot_keep_apart_or_hold_are_refused(names, why):
    with pytest.raises(ValueError, match=why):
        check_names("model", names)


def test_the_longest_names_fit_together_into_one_file(tmp_path):
    longest = "n" * LONGEST
    (tmp_path / f"{file_name(longest)}-{file_name(longest)}.jsonl.tmp").write_text("x")


FINETUNE = {"output": "out", "source": {"kind": "files", "path": "rows.jsonl"}}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"models": {"A": "x", "a": "y"}}, "for the same"),
        ({"models": {"n" * 300: "x"}}, "takes 300 bytes"),
        ({"models": {"A": "x", "A-random": "y"}, "random_weights": True}, "for the same"),
        ({"models": {"A": "x", "A-epoch-2": "y"}, "epoch_seeds": [1]}, "on the way to 'A'"),
        ({"models": {"A": "x"}, "tests": {"T": "x.jsonl", "t": "y.jsonl"}}, "for the same"),
        ({"models": {"A": "x"}, "tests": {"test": "x.jsonl"}}, "name of a part"),
    ],
)
def test_finetune_refuses_names_before_anything_is_trained(settings, why):
    with pytest.raises(UserError, match=why):
        build(FinetuneConfig, {**FINETUNE, **settings})


def test_evaluate_refuses_two_answers_in_one_file():
    two = {"output": "out", "source": "rows.jsonl", "tests": {"t": "t.jsonl"}}
    with pytest.raises(UserError, match="would be one file"):
        build(EvaluateConfig, {**two, "models": {"A": "x", "A-t": "y"}})
    assert build(EvaluateConfig, {**two, "models": {"A": "x", "B": "y"}})


def test_the_default_name_of_many_methods_can_be_too_long_and_is_told():
    with pytest.raises(UserError, match="at most 120"):
        build(CompressConfig, {"output": "out", "model": "x", "method": [{"kind": "prune_heads_and_neurons"}] * 6})


@pytest.mark.parametrize("name", [n for n in HOSTILE if n != "a\0b"])
def test_a_recipe_refuses_tables_and_variants_that_are_no_folders(tmp_path, name):
    stage = f'command = "clean"\nsources = ["{tmp_path}/a.txt"]\n'
    quoted = name.replace("\\", "\\\\")
    for text in (f'["{quoted}"]\n{stage}', f'[clean]\n{stage}\n[variants."{quoted}".clean]\nlanguage = "de"\n'):
        (tmp_path / "recipe.toml").write_text(text)
        with pytest.raises(UserError, match="cannot be the name of a folder"):
            plan([str(tmp_path / "recipe.toml")])


def test_a_variant_is_not_called_like_a_table(tmp_path):
    (tmp_path / "recipe.toml").write_text('[clean]\nsources = ["a.txt"]\n[variants.clean.clean]\nlanguage = "de"\n')
    with pytest.raises(UserError, match="for the same"):
        plan([str(tmp_path / "recipe.toml")])
