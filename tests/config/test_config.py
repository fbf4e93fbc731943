from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from mamebert.config import (
    Config,
    RunPath,
    build,
    describe,
    described,
    merge,
    parse_pair,
    read_file,
    read_settings,
    walk,
)
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.objectives import Objective


class Inner(Config):
    steps: int = Field(default=10, gt=0)
    """How many."""


class Outer(Config):
    training: Inner = Inner()
    objective: Objective = Field(default_factory=Objective.find("masked_lm"))
    corpus: RunPath | None = None
    """Where from."""
    mode: Literal["fast", "slow"] = "fast"
    """How."""


class NeedsTraining(Config):
    training: Inner
    """How long."""


class Named(Config):
    training: Inner = Inner()
    tests: dict[str, Reader] = Field(default={})
    """More rows, by name."""


class Labelled(Config):
    source: Reader
    """Rows."""


def test_file_pairs_and_python_say_the_same(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('mode = "slow"\n[training]\nsteps = 1\n')
    merged = read_settings([str(file), "training.steps=300", "objective.kind=masked_lm_nsp"])
    spelt_in_python = Outer(mode="slow", training=Inner(steps=300), objective=Objective.find("masked_lm_nsp")())
    assert build(Outer, merged) == spelt_in_python


def test_a_run_record_is_accepted_as_settings(tmp_path):
    (tmp_path / "run.json").write_text('{"command": "x", "settings": {"mode": "slow"}}')
    assert read_file(tmp_path / "run.json") == {"mode": "slow"}


def test_settings_survive_saving():
    before = build(Outer, {"objective": {"kind": "masked_lm_nsp", "max_length": 32}, "corpus": "somewhere"})
    assert build(Outer, before.model_dump(mode="json")) == before


def test_a_choice_without_kind_keeps_the_default_kind():
    assert build(Outer, {"objective": {"max_length": 16}}).objective == Objective.find("masked_lm")(max_length=16)


def test_a_table_with_another_kind_replaces_the_earlier_one():
    assert merge({"a": {"kind": "x", "size": 1}}, {"a": {"kind": "y"}}) == {"a": {"kind": "y"}}
    assert merge({"a": {"kind": "x", "size": 1}}, {"a": {"size": 2}}) == {"a": {"kind": "x", "size": 2}}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("a.b=3", {"a": {"b": 3}}),
        ("a=1e-3", {"a": 1e-3}),
        ("a=no", {"a": "no"}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a=x=y", {"a": "x=y"}),
    ],
)
def test_values_are_toml_or_else_text(pair, value):
    assert parse_pair(pair) == value


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"trainin": {}}, "Did you mean 'training'?"),
        ({"training": {"step": 3}}, "Did you mean 'training.steps'?"),
        ({"objective": {"kind": "masked_lm_nps"}}, "Did you mean 'masked_lm_nsp'?"),
        ({"objective": {"kind": "masked_lm", "short_rat": 1}}, "There is no setting called 'objective.short_rat'"),
        ({"training": {"steps": 0}}, "greater than 0"),
        ({"mode": "quick"}, "'fast' or 'slow'"),
        ({"corpus": ["a"]}, "path of a folder"),
        ({"corpus": {"2": "a"}}, "stands in quotes"),
        ({"steps": 3}, "Did you mean 'training.steps'?"),
        ({"TRAINING": {"steps": 3}}, "Did you mean 'training'?"),
        ({"mode": "fst"}, "Did you mean 'fast'?"),
        ({"training": {"steps": "many"}}, "a whole number is expected. "),
        ({"training": 3}, "names and values are expected. Write training.NAME=VALUE."),
    ],
)
def test_mistakes_come_back_as_one_sentence(settings, sentence):
    with pytest.raises(UserError) as caught:
        build(Outer, settings)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["a = [", "not json"])
def test_a_file_that_is_no_settings_file_is_named(tmp_path, content):
    file = tmp_path / "broken.toml"
    file.write_text(content)
    with pytest.raises(UserError, match=r"broken\.toml"):
        read_file(file)
    with pytest.raises(UserError, match="no settings file"):
        read_file(tmp_path / "missing.toml")


def test_every_setting_is_described_with_its_bounds():
    text = "\n".join(describe(Outer))
    assert "training.steps = 10  > 0\n    How many." in text
    assert "masked_lm, masked_lm_nsp, " in text
    assert "one of: fast, slow" in text


def test_walk_names_every_leaf():
    assert dict(walk(Outer(corpus=Path("x"))))["training.steps"] == 10


def test_a_name_with_a_dot_or_slash_stands_in_quotes():
    assert parse_pair('models."google/bert-v1.2"=x') == {"models": {"google/bert-v1.2": "x"}}
    with pytest.raises(UserError, match="in quotes"):
        parse_pair('models."google/bert=x')


@pytest.mark.parametrize(
    "pairs",
    [
        ["objective.max_length=32", "objective.kind=masked_lm_nsp"],
        ["objective.kind=masked_lm_nsp", "objective.max_length=32"],
    ],
)
def test_pairs_say_the_same_in_any_order_and_whatever_the_file_says(tmp_path, pairs):
    file = tmp_path / "settings.toml"
    file.write_text('objective = { kind = "masked_lm", mask_rate = 0.3 }\n')
    said = {"kind": "masked_lm_nsp", "max_length": 32}
    assert read_settings(pairs) == {"objective": said}
    assert read_settings([str(file), *pairs]) == {"objective": said}


@pytest.mark.parametrize(
    "pairs",
    [
        ["objective=masked_lm_nsp", "objective.max_length=32"],
        ["objective.max_length=32", "objective=masked_lm_nsp"],
    ],
)
def test_a_kind_alone_and_its_settings_go_beside_each_other(tmp_path, pairs):
    meant = Objective.find("masked_lm_nsp")(max_length=32)
    assert build(Outer, read_settings(pairs)).objective == meant
    file = tmp_path / "settings.toml"
    file.write_text('objective = "masked_lm_nsp"\n')
    assert build(Outer, read_settings([str(file), "objective.max_length=32"])).objective == meant


@pytest.mark.parametrize("pairs", [["training=5", "training.steps=3"], ["training.steps=3", "training=5"]])
def test_a_value_and_a_table_in_one_place_are_refused(pairs):
    with pytest.raises(UserError, match=r"training is given as 5 and as a table \(training.steps\)"):
        build(Outer, read_settings(pairs))


def test_a_setting_of_another_kind_is_told_with_the_kinds_that_have_it():
    from mamebert.tasks import Task

    with pytest.raises(UserError, match=r"There is no setting called 'label_column'.*Kinds with 'label_column': class"):
        Task.find("tagging")(label_column="upos")


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("epoch=3", "There is no setting called 'epoch'"),
        ('tests.german={kind="squad", paht="dev.json"}', "The setting 'tests.german.path' is missing"),
        ('tests.german={kind="squad", path="dev.json", typo=1}', "no setting called 'tests.german.typo'. Did you mean"),
        ("tests.german.paht=dev.json", "tests.german: `kind` is missing"),
    ],
)
def test_mistakes_beside_and_in_things_with_names_of_their_own_are_told(pair, sentence):
    with pytest.raises(UserError) as caught:
        build(Named, read_settings(['tests.french={kind="squad", path="t.json"}', pair]))
    assert sentence in str(caught.value)


def test_the_help_of_things_with_names_of_their_own_says_where_the_name_stands():
    assert "tests.NAME.path (required)" in list(described(Named, "tests.squad"))
    assert list(described(Named, "tests.german.path")) == list(described(Named, "tests.NAME.path"))


def test_a_group_that_is_missing_is_not_asked_for_as_one_value():
    with pytest.raises(UserError, match=r"training.NAME=VALUE; --settings training"):
        build(NeedsTraining, {})


def test_a_path_alone_and_its_settings_are_one_source():
    given = read_settings(["source=rows.csv", "source.separator=;"])["source"]
    assert build(Labelled, {"source": given}).source == Reader.find("files")(path="rows.csv", separator=";")
    assert build(Labelled, {"source": {"path": "a.conllu"}}).source == Reader.find("conllu")(path="a.conllu")
    with pytest.raises(UserError, match="kind` is missing"):
        build(Labelled, {"source": {"encoding": "cp932"}})


def test_a_kind_that_comes_later_keeps_what_was_said_without_one():
    assert merge({"a": {"size": 1}}, {"a": {"kind": "x"}}) == {"a": {"kind": "x", "size": 1}}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ('a={"kind": "files", "path": "x"}', {"kind": "files", "path": "x"}),
        ('a={kind = "files", path = "x"}', {"kind": "files", "path": "x"}),
        ('a=[{"kind": "q8bert"}, {"kind": "share", "x": null}]', [{"kind": "q8bert"}, {"kind": "share", "x": None}]),
        ('a="\\u00e9 \\/ x"', "é / x"),
        ("a=[ab]*.txt", "[ab]*.txt"),
        ("a=" + "[" * 100_000, "[" * 100_000),
        ("a=" + "9" * 5_000, "9" * 5_000),
    ],
)
def test_values_are_json_where_they_are_no_toml(pair, value):
    assert parse_pair(pair) == {"a": value}


@pytest.mark.parametrize(
    "text", ["{kind=files}", '{"kind": files}', "{" * 100_000, '[{"kind": "q8bert"}', "[ {kind=q8bert}]"]
)
def test_a_table_that_cannot_be_read_is_told_as_such(text):
    with pytest.raises(UserError, match=r"cannot be read as a table.*Write it as TOML, a='.*or as JSON, a="):
        parse_pair(f"a={text}")


def test_settings_spelt_in_python_are_explained_too():
    with pytest.raises(UserError, match=r"Did you mean 'steps'\?"):
        Inner(step=3)
    with pytest.raises(UserError, match=r"The setting 'training\.steps' cannot be 0"):
        Outer(training={"steps": 0})


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_are_finite(number):
    with pytest.raises(UserError, match="finite number"):
        Objective.find("masked_lm")(mask_token_rate=float(number))


@pytest.mark.parametrize("number", [2**63, -(10**30)])
def test_numbers_fit_into_64_bits(number):
    with pytest.raises(UserError, match=r"max_length is larger than a number of 64 bits\."):
        Objective.find("masked_lm")(max_length=number)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\udcff"])
def test_texts_that_no_file_can_hold_are_refused(text):
    for settings in ({"corpus": text}, {"corpus": Path(text)}, {"objective": {"kind": text}}):
        with pytest.raises(UserError, match="Leave it out"):
            build(Outer, settings)


@pytest.mark.parametrize("word", ["=3", ".=3", "a..b=3", 'models.""=x', " =3"])
def test_a_pair_without_a_name_is_told(word):
    with pytest.raises(UserError, match="does not name a setting"):
        parse_pair(word)
